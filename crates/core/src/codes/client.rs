//! 5xx: what keeps a client from using its host, or a host from its authority; what is held stays valid to its end.

codes! {
    HOST_NOT_FOUND: 501 "host-not-found" Failure 0 {
        sentence: "no host is set by hand, remembered or named in DNS",
        cause: "nobody has made an SRV record for the host in the DNS domain of this machine",
        cause: "the machine is in another domain, or in none, and has no search list",
        cause: "the machine asks a DNS server that does not know the company's own names, for example at home",
        check: "run `keymuster status`: it lists the domains that were asked and what each answered",
        check: "ask DNS for the SRV record `_keymuster._tcp.<domain>`",
        remedy: "make the SRV record, with the host's name and port 1688; or set the host by hand: `keymuster set` with \
                 the name `host` for the products of the machine, `KEYMUSTER_HOST` in the environment of one product, \
                 `keymuster --host HOST activate` for one attempt",
        known_as: "0x8007232B",
        known_as: "0x8007007B",
        known_as: "0x8007251D",
        known_as: "0x80092328",
        known_as: "0x8007267C",
    }

    HOST_UNREACHABLE: 502 "host-unreachable" Failure 0 {
        sentence: "none of the known hosts answered in time",
        cause: "a firewall between client and host drops TCP port 1688",
        cause: "the machine is outside the company's network, or its tunnel does not carry this traffic",
        cause: "the host is switched off, or DNS still names one that is gone",
        check: "run `keymuster status`: it shows every host that was tried, its address and what happened",
        check: "look in the host's log for the line `serving`: it names the addresses on which the host listens",
        check: "ask `/livez` at the host's address from another machine in its own network: a host answers `ok`",
        remedy: "open the host's port (1688 by default) between client and host, and delete SRV records of hosts that \
                 are gone",
        known_as: "0xC004F074",
        known_as: "0xC0020017",
        known_as: "0x8007139F",
    }

    CONNECTION_REFUSED: 503 "connection-refused" Failure 0 {
        sentence: "the machine answers, but nothing listens on the host's port there",
        cause: "the host's service is stopped",
        cause: "the host listens on another port, or on 127.0.0.1 alone",
        cause: "the name leads to another machine than the host, because the SRV record is out of date",
        check: "ask `http://127.0.0.1:1689/livez` on that machine: a host that is running answers `ok`",
        check: "compare the address in `keymuster status` with the line `serving` in the host's log, which names the \
                addresses on which the host listens",
        remedy: "start the host's service, or correct the port or name in DNS or in the client's settings",
        known_as: "0x800706BA",
        known_as: "0xC004F039",
    }

    NOT_A_KEYMUSTER_HOST: 504 "not-a-keymuster-host" Failure 0 {
        sentence: "something answered that does not speak Keymuster's protocol",
        cause: "a Microsoft KMS host or another program listens on this port",
        cause: "a web proxy or a sign-in page of the network answered instead of the host or authority",
        cause: "the address is that of a web server, and not of a host or an authority",
        check: "run `keymuster status`: it shows the address, the port and what came instead of an answer",
        check: "find out which program listens on that port of that machine",
        remedy: "correct name and port of the host or authority, and let its port pass without a proxy",
    }

    ANSWER_INVALID: 505 "answer-invalid" Failure 0 {
        sentence: "the answer of a host or authority does not verify, so that it was thrown away",
        cause: "the host belongs to another customer or publisher, or is a test installation",
        cause: "the clock of client or host is wrong, so that a document seems to have expired",
        cause: "the host was restored from a backup and presents older documents than before",
        cause: "somebody in the network answers in the host's name",
        check: "read the other code in the message, from KM-601 on, and run `keymuster explain CODE` with it",
        check: "run `keymuster status`: it shows which host answered and how it was found",
        remedy: "follow the other code; until then the client keeps what it has and asks again by itself",
    }

    STATE_DAMAGED: 506 "state-damaged" Failure 0 {
        sentence: "the client's state file is damaged and was put aside, so that the client begins anew",
        cause: "the disk lost what had been written to it, for example in a power cut",
        cause: "the file was edited, or copied in part from another machine",
        check: "run `keymuster status`: it says under which name the damaged file is kept",
        check: "look at the health and the free space of the disk",
        remedy: "let the client activate again, which a product does by itself and `keymuster activate` does at once; \
                 restore the file from a backup only on the same machine",
        known_as: "0xC004E015",
    }

    STATE_UNWRITABLE: 507 "state-unwritable" Failure 0 {
        sentence: "the client's state cannot be written, so that a new lease could not be kept",
        cause: "the product runs as a user without the right to write its state directory",
        cause: "the disk is full or read-only",
        cause: "the state directory lies in a container image and has no volume",
        check: "read the path in the message; where a product is known, `keymuster status` shows it too",
        check: "look at owner, rights and free space of that path",
        remedy: "give the product's user the right to write the directory, or name one that it can write with \
                 `KEYMUSTER_STORE`",
        known_as: "0x80070005",
        known_as: "0xC004F025",
    }

    CLOCK_SUSPECT: 508 "clock-suspect" Failure 0 {
        sentence: "this machine's clock is behind a time that it has already seen",
        cause: "the clock was turned back by hand, by a flat battery or by a restored snapshot",
        cause: "the clock was once far ahead, and is right again",
        check: "compare the machine's time with a clock that you trust, in UTC",
        check: "run `keymuster status`: the time that it shows is the one that the client goes by",
        remedy: "synchronise the clock; what is held stays valid meanwhile; if the clock was once far ahead and is right \
                 again, run `keymuster reset-time`, which asks the publisher's authority for the time, or without a \
                 connection `keymuster reset-time --request FILE` and then `keymuster reset-time --response FILE`",
    }

    SECRET_OVER_PLAIN_HTTP: 510 "secret-over-plain-http" Failure 0 {
        sentence: "a MAK or host key would travel unencrypted to another machine, so that it was not sent",
        cause: "the authority's address begins with `http://`, and is not one of this machine",
        cause: "a tunnel that encrypts is meant to be used, and the address leads past it",
        check: "read in the message which address would have been asked",
        check: "run `keymuster inspect FILE` on the trust file: it names the authority's address",
        remedy: "name the authority by an address with `https://`, for example `keymuster-host activate --authority \
                 https://activation.example.com`; or carry a request file: `keymuster-host activate --request FILE` on a \
                 host, `keymuster activate --request FILE` on a client, or QR codes with `--request-qr` in its place",
    }

    NAME_NOT_RESOLVED: 511 "name-not-resolved" Failure 0 {
        sentence: "the name of a host or authority does not lead to an address",
        cause: "the name is mistyped in the settings",
        cause: "the SRV record names a machine that has no address record",
        cause: "no DNS server is set or reachable, or the machine is outside the company's network",
        check: "run `keymuster status`: it shows the name, how it was found and what came instead of an address",
        check: "ask DNS for the name from another machine",
        remedy: "correct the name or its address record, or the DNS servers of this machine",
        known_as: "0x8007232A",
    }

    HOST_FAILED: 512 "host-failed" Failure 0 {
        sentence: "the host or authority failed without saying why",
        cause: "a proxy before the server answered in its place, because the server is down",
        cause: "something else than a host or authority listens there, and fails in its own words",
        check: "read in the message which address answered, and with which HTTP status",
        check: "look at the last errors in the logs of the server and of the proxy, if there is one",
        remedy: "mend the server; the client asks again by itself and keeps what it holds meanwhile",
    }

    AUTHORITY_UNREACHABLE: 513 "authority-unreachable" Failure 0 {
        sentence: "the publisher's authority did not answer",
        cause: "the authority is not running, or listens on another port than 1690",
        cause: "the trust file names a wrong address of the authority, or none",
        cause: "a firewall or a missing route keeps this machine from the authority",
        cause: "this machine has no way out of its network, as is often intended",
        check: "read in the message which address was asked, and what came instead of an answer",
        check: "run `keymuster inspect FILE` on the trust file: it names the authority's address",
        check: "ask `/livez` at that address from another machine: an authority that is running answers `ok`",
        remedy: "start the authority, or correct its address with `keymuster-host activate --authority URL`; without a \
                 connection use request and response files: `keymuster-host activate --request FILE` on a host or \
                 `keymuster activate --request FILE` on a client (`keymuster reset-time --request FILE` for the time), and \
                 then `--response FILE`; or photograph QR codes: \
                 `--request-qr` shows the request, and `--response-qr PICTURE` reads the response",
        known_as: "0x80072EE2",
        known_as: "0x80072EE7",
        known_as: "0x8004FE33",
    }

    WAY_NOT_ALLOWED: 514 "way-not-allowed" Failure 0 {
        sentence: "the settings of this machine do not allow the product to be activated in this way",
        cause: "the administrator has limited the products of this machine to hosts, and the key is a MAK",
        cause: "the administrator has limited them to MAKs, and no MAK is installed",
        cause: "the limit was meant for another edition, and stands for the whole machine",
        check: "run `keymuster settings`: the line `way` shows what is allowed, and who said so",
        check: "run `keymuster status`: it shows by which key the product would be activated",
        remedy: "install a key of the kind that is allowed; or, if the limit is wrong, lift it with `keymuster unset` and \
                 the name `way`; what is held stays valid meanwhile",
    }

    REARMS_EXHAUSTED: 515 "rearms-exhausted" Failure 0 {
        sentence: "the installation has been re-armed as often as its publisher allows",
        cause: "a master image was re-armed before each capture, and the number is kept in the image",
        cause: "re-arming was used to begin the grace again and again",
        check: "run `keymuster status`: it shows how many times are left",
        remedy: "activate the product: once it holds a lease it needs no grace; for a master image, go back to a \
                 state in which it was re-armed less often, and re-arm it once, right before the capture",
        known_as: "0xC004D307",
    }

    IDENTITY_SHARED: 516 "identity-shared" Failure 0 {
        sentence: "somebody else asks with the client id of this installation",
        cause: "the machine was cloned, or made from an image in which the product had been started before",
        cause: "the state of this installation was lost or restored from a backup, which gives one sign and no more",
        check: "run `keymuster status` on the machines that you suspect: those that show the same client id are copies",
        check: "run `keymuster-host status`: under the last day, request-replayed tells of machines that share a client \
                id",
        remedy: "on all copies but one run `keymuster rearm`; a state that was restored from a backup needs nothing, \
                 and the notice goes away",
    }

    SETTING_INVALID: 517 "setting-invalid" Failure 0 {
        sentence: "a setting, or an entry of the settings file, is not understood, so that it does not count",
        cause: "the name is mistyped, or only a later version knows it",
        cause: "the value is of another kind than the setting has, for example a number without a unit",
        cause: "the file was cut off while it was copied, or is no JSON",
        cause: "a variable such as `KEYMUSTER_HOST` or `KEYMUSTER_DNS` has not the form that the message names",
        check: "read in the message which file, place and value are meant, and what was expected",
        check: "run `keymuster settings`: it shows the value of each setting, where it comes from, and what it may be",
        remedy: "correct the entry with `keymuster set`, or take it out with `keymuster unset`; a file that is no JSON is \
                 corrected or removed by hand; products run on meanwhile, with all other settings",
    }

    CERTIFICATE_UNTRUSTED: 518 "certificate-untrusted" Failure 0 {
        sentence: "nobody whom this machine trusts vouches for the server's certificate, so that nothing was sent",
        cause: "the server's certificate was made by the company's own certificate authority, which this machine does not \
                know, or by the server itself",
        cause: "the certificate is for another name than the one in the address, or it has ended",
        cause: "this machine's clock is wrong, so that the certificate seems to have ended or not to have begun",
        cause: "a proxy opens encrypted connections on the way, or somebody stands in for the server",
        check: "read in the message what is wrong with the certificate",
        check: "run openssl s_client -connect HOST:PORT on this machine: it shows the certificate and who made it",
        remedy: "add the certificate authority to the system's, or name its file in the environment variable \
                 `SSL_CERT_FILE`; give the server a certificate for the name by which it is asked",
    }

    CERTIFICATE_DIFFERS: 519 "certificate-differs" Failure 0 {
        sentence: "the connection to the host was encrypted for another than the host, which somebody may have read",
        cause: "a proxy opens encrypted connections on the way to the host, to look into them",
        cause: "the host was set up anew, and its entitlement still names the TLS key that it had before",
        cause: "somebody stands between client and host: answers cannot be changed on the way, and requests can be read",
        check: "run `keymuster-host status` on the host: it says whether an entitlement names another key than it has",
        check: "compare the host's certificate with the one that openssl s_client -connect HOST:PORT shows here",
        remedy: "run `keymuster-host activate` on a host that was set up anew; let the proxy pass port 1688 unopened; \
                 leases are signed, so that what was granted is valid in any case",
    }

    MACHINE_UNREACHABLE: 520 "machine-unreachable" Failure 0 {
        sentence: "a machine of the list could not be reached by ssh",
        cause: "the machine is switched off, runs no SSH server, or a firewall keeps this machine from it",
        cause: "its name in the list is mistyped, or is not what ssh knows it by",
        cause: "ssh would have to ask for a password, or whether the machine's key is to be trusted; with a list there is \
                nobody to answer",
        cause: "the program that `--ssh` names does not exist here",
        check: "read in the message what ssh said",
        check: "run ssh by hand with the same name: it must log in without a question",
        remedy: "correct the name or the configuration of ssh, accept the machine's key once by hand, and use a login \
                 by key; then run the command again, which does no harm where it has been done",
    }

    MACHINE_ANSWER_UNKNOWN: 521 "machine-answer-unknown" Failure 0 {
        sentence: "a machine of the list was reached, and what it answered is not an answer of keymuster",
        cause: "the command is not installed there, or not in the path of a login that is not interactive",
        cause: "an older version is installed there",
        cause: "that login may run another command only",
        check: "read in the message what the machine said",
        check: "run `keymuster --version` there through ssh, in one line and not in a session",
        remedy: "install the same version of the command there, in a directory that is in the path of every login",
    }

    MACHINE_TOO_SLOW: 522 "machine-too-slow" Failure 0 {
        sentence: "a machine of the list did not answer within the time limit, so that ssh was ended",
        cause: "the machine or the network is slow, or hangs",
        cause: "the machine searches for a host where none answers, at many names",
        check: "run `keymuster status` there: it shows what was tried last",
        check: "compare the time that the command takes there with `--time-limit`",
        remedy: "find out what it waits for, or give it more time with `--time-limit`; it may have been done meanwhile, \
                 and doing it again does no harm",
    }

    GRACE_OVER: 523 "grace-over" Failure 0 {
        sentence: "the product is not activated, and the time in which it may run without is over",
        cause: "the product was installed longer ago than the grace lasts, and no host or authority has activated it",
        cause: "the lease has ended because no host could be reached for months, and the grace after it has passed too",
        check: "run `keymuster status`: it shows what was asked last, and what came of it",
        remedy: "run `keymuster activate` and follow what it says; `keymuster activate --request FILE` and `keymuster \
                 activate --request-qr` work without a network",
        known_as: "0xC004F009",
    }

    OUT_OF_TOLERANCE: 524 "out-of-tolerance" Failure 0 {
        sentence: "the machine has changed so much that it cannot be the one that was activated",
        cause: "the disk or the directory of the product was copied to another machine",
        cause: "board, disk and network card of the machine were replaced together",
        check: "run `keymuster status`: it shows since when, and until when the product runs all the same",
        remedy: "on a copy run `keymuster rearm`; on the same machine with new parts run `keymuster activate`, which \
                 asks for a lease for the machine as it is now",
        known_as: "0xC004F00F",
    }

    NO_SEAT: 525 "no-seat" Failure 0 {
        sentence: "the product is licensed by floating seats, and this machine holds none",
        cause: "the seat was given back, or its time is over and no host could be reached to renew it",
        cause: "all seats were taken when this machine asked",
        check: "run `keymuster status`: it shows what was asked last, and what came of it",
        remedy: "run `keymuster activate`",
    }
}
