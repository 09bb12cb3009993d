//! 5xx: what keeps a client from asking or from using the answer; the lease that it holds stays valid to its end.

codes! {
    HOST_NOT_FOUND: 501 "host-not-found" Failure 0 {
        sentence: "no host is set by hand, remembered or named in DNS",
        cause: "no host has published itself in the DNS domain of this machine",
        cause: "the machine is in another domain, or in none, and has no search list",
        cause: "the machine asks a DNS server that does not know the company's own names, for example at home",
        check: "run `keymuster status`: it lists the domains that were asked and what each answered",
        check: "ask DNS for the SRV record `_keymuster._tcp.<domain>`",
        check: "run `keymuster-host status` on the host: it shows where it has published itself",
        remedy: "publish the host in the client's domain, or set the host by hand on the client",
        known_as: "0x8007232B",
    }

    HOST_UNREACHABLE: 502 "host-unreachable" Failure 0 {
        sentence: "none of the known hosts answered in time",
        cause: "a firewall between client and host drops TCP port 1688",
        cause: "the machine is outside the company's network, or its tunnel does not carry this traffic",
        cause: "the host is switched off, or DNS still names one that is gone",
        check: "run `keymuster status`: it shows every host that was tried, its address and what happened",
        check: "run `keymuster-host status` on the host: it shows the port that it listens on",
        check: "try from another machine in the host's own network",
        remedy: "open the host's port (1688 by default) between client and host, and delete SRV records of hosts that \
                 are gone",
        known_as: "0xC004F074",
    }

    CONNECTION_REFUSED: 503 "connection-refused" Failure 0 {
        sentence: "the machine answers, but nothing listens on the host's port there",
        cause: "the host's service is stopped",
        cause: "the host listens on another port, or on 127.0.0.1 alone",
        cause: "the name leads to another machine than the host, because the SRV record is out of date",
        check: "run `keymuster-host status` on that machine: it shows whether a host runs and where it listens",
        check: "compare name, address and port in `keymuster status` with those of the host",
        remedy: "start the host's service, or correct the port or name in DNS or in the client's settings",
        known_as: "0x800706BA",
    }

    NOT_A_KEYMUSTER_HOST: 504 "not-a-keymuster-host" Failure 0 {
        sentence: "something answered that does not speak Keymuster's protocol",
        cause: "a Microsoft KMS host or another program listens on this port",
        cause: "a web proxy or a sign-in page of the network answered instead of the host",
        cause: "the port is that of the console (1689) or of an authority (1690)",
        check: "run `keymuster status`: it shows the address, the port and how the answer began",
        check: "find out which program listens on that port of that machine",
        remedy: "correct name and port of the host, and exempt it from the proxy",
    }

    ANSWER_INVALID: 505 "answer-invalid" Failure 0 {
        sentence: "the host's answer does not verify, so that it was thrown away",
        cause: "the host belongs to another customer or publisher, or is a test installation",
        cause: "the clock of client or host is wrong, so that a document seems to be expired or not yet valid",
        cause: "the host was restored from a backup and presents older documents than before",
        cause: "somebody in the network answers in the host's name",
        check: "read the second code in the message, from KM-601 on, and run `keymuster explain CODE` with it",
        check: "run `keymuster status`: it shows which host answered and how it was found",
        remedy: "follow the second code; until then the client keeps the lease that it has and asks again by itself",
    }

    STATE_DAMAGED: 506 "state-damaged" Failure 0 {
        sentence: "the client's state file is damaged and was put aside, so that the client begins anew",
        cause: "the disk lost what had been written to it, for example in a power cut",
        cause: "the file was edited, or copied in part from another machine",
        check: "look for the file that the message names: the damaged one is kept beside the new one",
        check: "look at the health and the free space of the disk",
        remedy: "let the client activate again, which it does by itself; restore the file from a backup only on the \
                 same machine",
        known_as: "0xC004E015",
    }

    STATE_UNWRITABLE: 507 "state-unwritable" Failure 0 {
        sentence: "the client's state cannot be written, so that a new lease could not be kept",
        cause: "the product runs as a user without the right to write its state directory",
        cause: "the disk is full or read-only",
        cause: "the state directory lies in a container image and has no volume",
        check: "run `keymuster status`: it shows the path of the state",
        check: "look at owner, rights and free space of that path",
        remedy: "give the product's user the right to write the directory, or configure one that it can write",
    }

    CLOCK_SUSPECT: 508 "clock-suspect" Failure 0 {
        sentence: "this machine's clock is behind a time that it has already seen",
        cause: "the clock was turned back by hand, by a flat battery or by a restored snapshot",
        cause: "the clock was once far ahead, and is right again",
        check: "compare the machine's time with a clock that you trust, in UTC",
        check: "run `keymuster status`: it shows the latest time that the client has seen, and from where",
        remedy: "synchronise the clock and let the client reach a host, which clears the matter; the lease stays \
                 valid meanwhile",
    }

    SECRET_OVER_PLAIN_HTTP: 510 "secret-over-plain-http" Failure 0 {
        sentence: "a MAK or host key would travel unencrypted to another machine, so that it was not sent",
        cause: "the authority's address begins with `http:` and is not on this machine",
        cause: "a tunnel or proxy that encrypts is meant to be used, and the address leads past it",
        check: "look at the address of the authority in the settings",
        check: "ask the publisher for the address that begins with `https:`",
        remedy: "use an address that begins with `https:` or a tunnel that ends on this machine, or carry a request \
                 file: on a \
                 host `keymuster-host activate --request FILE`",
    }

    NAME_NOT_RESOLVED: 511 "name-not-resolved" Failure 0 {
        sentence: "the name of the host or authority could not be turned into an address",
        cause: "the name is mistyped in the settings",
        cause: "the SRV record names a machine that has no address record",
        cause: "no DNS server is set or reachable, or the machine is outside the company's network",
        check: "run `keymuster status`: it shows the name, where it comes from and what DNS answered",
        check: "ask DNS for the name from another machine",
        remedy: "correct the name or its address record, or the DNS settings of this machine",
        known_as: "0x8007232A",
    }

    HOST_FAILED: 512 "host-failed" Failure 0 {
        sentence: "the host or authority answered that it cannot work at the moment",
        cause: "its disk is full, its database is down or its queue is long; the answer's own code says which",
        cause: "a proxy before the server answered in its place, because the server is down",
        check: "read the second code in the message, if there is one, and run `keymuster explain CODE` with it",
        check: "run `keymuster-host status` on the host and look at the last errors in its log",
        remedy: "mend the server by its own code; the client asks again by itself and keeps its lease meanwhile",
    }

    AUTHORITY_UNREACHABLE: 513 "authority-unreachable" Failure 0 {
        sentence: "the publisher's authority did not answer",
        cause: "the authority is not running, or listens on another port than 1690",
        cause: "the trust file names a wrong address of the authority, or none",
        cause: "a firewall or a missing route keeps this machine from the authority",
        cause: "this machine has no way out of its network, which many have not on purpose",
        check: "read in the message which address was asked, and what came instead of an answer",
        check: "run `keymuster inspect FILE` on the trust file: it names the authority's address",
        check: "ask `/livez` at that address from another machine: a running authority answers `ok`",
        remedy: "start the authority, or correct its address with `keymuster-host activate --authority URL`; without a \
                 connection make a request file with `keymuster-host activate --request FILE` or \
                 `keymuster activate --request FILE`, and take the answer with `--response FILE`",
    }
}
