//! 4xx: what the servers say about requests as such, about how they were started and about their databases.

codes! {
    REQUEST_INVALID: 401 "request-invalid" Refusal 400 {
        sentence: "the request is not well formed, or its signature does not hold",
        cause: "the product, script or tool that made the request does not follow the protocol",
        cause: "a proxy on the way changed the body",
        cause: "a request file was damaged on its way, for example by a mail program that took it for text",
        check: "read the reason in the answer: it names the first thing that is wrong",
        check: "run `keymuster inspect FILE` on a request file",
        remedy: "make the request anew; let the servers' ports 1688 and 1690 pass without a proxy that changes content",
    }

    BODY_TOO_LARGE: 402 "body-too-large" Refusal 413 {
        sentence: "the body of the request is larger than any valid one can be",
        cause: "another file than a request was sent",
        cause: "something on the network probes the port",
        check: "start the server with `KEYMUSTER_LOG=debug` for a while: its log then names address and code of every \
                answer",
        check: "run `keymuster inspect FILE` on the file that was sent",
        remedy: "send the request as it was made; look after the machine at the logged address if it should not ask",
    }

    REQUEST_TIMEOUT: 403 "request-timeout" Failure 408 {
        sentence: "the request did not arrive completely in time",
        cause: "the network between client and server is slow or loses packets",
        cause: "a port scanner or a monitoring probe began a request and did not finish it",
        check: "start the server with `KEYMUSTER_LOG=debug` for a while: its log then names address and code of every \
                answer",
        check: "run `keymuster status` on the client: it shows how its last attempt went",
        remedy: "let the client ask again, which it does by itself; mend the network if one site is affected as a \
                 whole",
    }

    ROUTE_UNKNOWN: 404 "route-unknown" Refusal 404 {
        sentence: "the server has nothing at this address",
        cause: "the address is that of the host's port 1689, which only tells whether the host works: clients ask on \
                1688",
        cause: "a host's address stands where the authority's belongs, or the reverse: the authority's port is 1690",
        cause: "the path is mistyped, or belongs to another version of the protocol",
        check: "compare host, port and path with what was meant: `/v1/activate` and `/v1/release` at a host, \
                `/v1/activate`, `/v1/certify` and `/v1/pack` at an authority",
        check: "ask `/livez` at the same address: hosts and authorities answer `ok`",
        remedy: "correct the address",
    }

    METHOD_NOT_ALLOWED: 405 "method-not-allowed" Refusal 405 {
        sentence: "the address exists, but not for this HTTP method",
        cause: "a script uses GET where the interface asks for POST, or the reverse",
        cause: "an address that only programs use was opened in a browser",
        check: "read the `Allow` header of the answer: it lists the methods that work",
        remedy: "use a method that the answer lists",
    }

    MEDIA_TYPE_UNSUPPORTED: 406 "media-type-unsupported" Refusal 415 {
        sentence: "the body's content type is not the one that this address takes",
        cause: "a script does not set `Content-Type`, or sets that of a form",
        cause: "a proxy on the way changed the header",
        check: "read in the answer which content type is expected: `application/cose` for signed requests",
        remedy: "send the content type that the answer names",
    }

    VERSION_UNSUPPORTED: 407 "version-unsupported" Refusal 422 {
        sentence: "the server said no for a reason that this program is too old to know",
        cause: "the host or authority is newer than the product, and so is the reason",
        cause: "something between client and server answers in the form of a refusal",
        check: "read the server's own sentence in the message, and the name of the reason behind it",
        check: "run `keymuster-host status`: it shows the version of the host; compare with `keymuster --version`",
        remedy: "do what the server's sentence says, and upgrade the older of the two",
    }

    HOST_READ_ONLY: 408 "host-read-only" Failure 503 {
        sentence: "the database cannot be written at the moment, so that nothing is granted",
        cause: "the disk of the data directory is full",
        cause: "another program keeps the database locked, for example one that copies it",
        cause: "the database is a PostgreSQL that cannot be reached, takes no orders to write, or is just changing its leader",
        cause: "the disk of the data directory fails: it does not read or keep what it should",
        check: "run `keymuster-host status`: it names the data directory; the last error in the log says what the database said",
        check: "look at the free space of the disk that holds the data directory, and in the system's log for errors of that \
                disk",
        check: "where `database.toml` in the data directory names a PostgreSQL: see whether one of its nodes can be written to, \
                and with Patroni, whether `patronictl list` shows a leader and a synchronous standby",
        remedy: "free some space, end the program that keeps the database locked, or bring the PostgreSQL back; the server \
                 recovers by itself, and leases stay valid; move the data directory away from a disk that fails",
    }

    HOST_BUSY: 409 "host-busy" Failure 503 {
        sentence: "more requests are waiting than the server can answer in time",
        cause: "many machines were switched on at once, for example after a power cut",
        cause: "the disk is slow, so that each commit takes long",
        check: "look in the server's log for requests that took too long, and at the load of its processor and disk",
        check: "start the server with `KEYMUSTER_LOG=debug` for a while: its log then tells whether few addresses send \
                most of the requests",
        remedy: "wait: clients come back by themselves, after the time in `Retry-After` at the earliest; move the data \
                 directory to a faster disk if it recurs",
    }

    NOT_READY: 410 "not-ready" Failure 503 {
        sentence: "the server runs, but cannot do its work at the moment",
        cause: "its database cannot be written: the disk is full, another program keeps it locked, or a PostgreSQL is away",
        cause: "more requests are waiting than it can answer",
        cause: "a host's clock is behind its own ledger",
        check: "read the sentence in the answer of `/readyz`: it says what the server cannot do",
        check: "look at the last error in the server's log",
        remedy: "mend what the answer names; the server is ready again by itself",
    }

    INTERNAL_FAILURE: 411 "internal-failure" Failure 500 {
        sentence: "the server failed at this request for a reason of its own, which is in its log",
        cause: "a fault in the server's program",
        cause: "the operating system refused something unexpected, such as memory or access to a file",
        check: "look in the server's log for an error at the time of the answer",
        remedy: "try again; if it recurs, send the lines of the log to those who support the server",
    }

    DATABASE_DAMAGED: 412 "database-damaged" Failure 500 {
        sentence: "the database is damaged: the message or the log names table, column and row, or the file",
        cause: "the database was changed by hand or by another program",
        cause: "the disk lost writes that it had confirmed, for example in a power cut",
        cause: "a backup was copied from the files of a running server",
        check: "look in the message, or in the server's log, for the table, column and row",
        check: "look at the health of the disk that holds the data directory",
        remedy: "stop the server, keep a copy of the data directory, and restore the last backup; clients keep their \
                 leases",
    }

    DATABASE_NEWER: 413 "database-newer" Failure 0 {
        sentence: "the database was last used by a newer version of this program, so that this one does not start",
        cause: "the program was taken back to an older version after an upgrade",
        cause: "an older program was started with the data directory of a newer one",
        check: "compare the two versions of the schema in the message",
        check: "make sure that the data directory is the one that you mean",
        remedy: "start the newer version again, or restore the backup that was taken before the upgrade",
    }

    ADDRESS_IN_USE: 414 "address-in-use" Failure 0 {
        sentence: "the server cannot listen, because another program uses the address and port",
        cause: "the server is running already, for example as a service",
        cause: "a Microsoft KMS host or another program on this machine listens on port 1688",
        check: "ask `http://127.0.0.1:1689/livez` on this machine: a host that is running answers `ok`",
        check: "find the program that listens on the port which the message names",
        remedy: "stop the other program, or choose another port with the option that the message names; clients learn \
                 a host's port from its SRV record",
    }

    STORE_UNWRITABLE: 415 "store-unwritable" Failure 0 {
        sentence: "this user may not read or write the data directory or a file in it",
        cause: "the program runs as another user than the owner of the directory",
        cause: "the directory lies on a file system that was mounted for reading only, or beneath a file",
        cause: "the server was once started as the superuser, and its files belong to that user since",
        check: "look at owner and rights of the path in the message, and at the file system it lies on",
        check: "look up which user the service runs as",
        remedy: "give the directory and all files in it to the user of the service, and run commands as that user; or \
                 name another directory with `--data-dir`",
    }

    HOST_CLOCK_WRONG: 416 "host-clock-wrong" Failure 503 {
        sentence: "the host's clock is behind a time that it knows to have passed",
        cause: "the host's clock was turned back, or was ahead when the newest leases were granted",
        cause: "the host's machine was resumed or started without a time source",
        cause: "on `keymuster-host activate`: the authority's clock is ahead of the host's",
        check: "run `keymuster-host status`: it shows the host's time and that of the newest entry in its ledger",
        check: "compare the host's time with a clock that you trust, in UTC",
        remedy: "synchronise the host's clock; if the ledger is ahead of the true time, the host grants again once \
                 that time is reached",
    }

    RATE_LIMITED: 417 "rate-limited" Refusal 429 {
        sentence: "too many wrong product keys came from this address, or were tried in place of this one; or a client \
                   has asked for the time too often; or too many attempts to sign in have failed",
        cause: "a script repeats a refused request with a wrong key instead of waiting",
        cause: "many machines with a wrong key stand behind one address, for example that of a gateway",
        cause: "somebody tries keys",
        cause: "a client asks for a time reset again and again, because its own clock stays wrong",
        cause: "somebody has entered wrong passwords for this account, or from this address, several times",
        check: "as the publisher, look in the authority's log: it names the address and what was refused",
        check: "find out whether the address is that of a gateway or of a single machine",
        remedy: "wait for the time in the answer; stop the script or machine that asks, and correct its key or its \
                 clock",
    }

    LEDGER_SET_BACK: 418 "ledger-set-back" Failure 0 {
        sentence: "the host's ledger is an older copy of itself: it had granted more than it knows of",
        cause: "the data directory, the database file or the whole virtual machine was set back to a snapshot or a copy",
        cause: "the host runs twice: a clone of its machine grants in its name",
        cause: "the disk lost writes that it had confirmed, for example in a power cut",
        check: "run `keymuster-host status`: it says when this was noticed, by whom, and how far the copy goes",
        check: "run `keymuster-host audit`: what administrators did in the lost time is missing there",
        check: "look whether another machine serves with the same host id, and whose snapshots were restored",
        remedy: "nothing for the clients: they keep their leases, and those who had seats keep them; nobody new gets a seat \
                 for one term; end the second host if there is one, do again what administrators did in the lost time, and \
                 restore hosts by `keymuster-host backup restore` alone",
    }

    LEDGER_CONTRADICTS: 419 "ledger-contradicts" Refusal 422 {
        sentence: "the ledger was recomputed and contradicts itself; the message names the first entry that is wrong",
        cause: "the database was changed by hand or by another program",
        cause: "the disk damaged the file or lost writes that it had confirmed",
        cause: "a copy of the file was taken while the server wrote, by another way than `keymuster-host backup create`",
        check: "run `keymuster-host ledger prove --json`: it names the entry or the client and what is wrong with it",
        check: "run `keymuster-host backup inspect FILE` on the last backups, and compare the head of each with its entry",
        remedy: "keep a copy of the data directory as it is; then restore the last backup whose ledger is whole by \
                 `keymuster-host backup restore`, which begins a new epoch",
    }

    HOST_TOO_OLD: 421 "host-too-old" Refusal 422 {
        sentence: "the licence pack needs a newer version of the host program",
        cause: "the publisher's newest products are licensed in a way that this version does not know",
        check: "run `keymuster-host --version`, and compare it with the version in the message",
        remedy: "upgrade the host program, then import the pack again; until then the host goes on with the pack it has",
        known_as: "0xC004F050",
    }

    SETTING_OUT_OF_RANGE: 422 "setting-out-of-range" Refusal 422 {
        sentence: "the value is outside the range that the publisher has signed, or that the setting has",
        cause: "the value was meant in another unit",
        cause: "the publisher allows less than the administrator expected",
        check: "run `keymuster-host settings` or `keymuster settings`: each line shows the value, where it comes from \
                and the range",
        remedy: "choose a value within the range in the message; only the publisher can widen it, with a newer licence \
                 pack",
    }

    CONFIG_INVALID: 423 "config-invalid" Refusal 422 {
        sentence: "the configuration cannot be used: a key or a value is not one that this program has",
        cause: "a key is mistyped, or belongs to another version of this program or to the other server",
        cause: "a value is of another kind than the key takes, or the file is no TOML",
        cause: "an environment variable that begins with this program's name is mistyped",
        check: "run `keymuster-host config check` or `keymuster-authority config check`: it names file, line and column \
                of everything that is wrong, and the nearest known key",
        remedy: "correct what the message names, and run the check again; a running server goes on with the \
                 configuration that it has, and takes the new one as soon as nothing in it is wrong",
    }

    SETTING_FIXED: 424 "setting-fixed" Refusal 409 {
        sentence: "the setting stands in the host's configuration file, environment or command line, and is changed there \
                   alone",
        cause: "somebody has written the setting into the file, so that the file says what counts",
        check: "run `keymuster-host config show`: it shows each value with the file and line, variable or option that \
                gives it",
        remedy: "change it where the message says; or take it out there, and choose it with `keymuster-host set` or in \
                 the console from then on",
    }

    BACKUP_PASSPHRASE_WRONG: 426 "backup-passphrase-wrong" Refusal 422 {
        sentence: "the passphrase does not open the backup",
        cause: "the passphrase was mistyped, or is that of another backup",
        cause: "the passphrase was changed since this backup was made",
        cause: "the first lines of the file were changed or damaged",
        check: "see whether another backup of the same server opens with it: `keymuster-host backup inspect`",
        remedy: "use the passphrase that was used when the backup was made; without it nobody opens the file",
    }

    BACKUP_UNREADABLE: 427 "backup-unreadable" Refusal 422 {
        sentence: "the file is no backup that can be restored here",
        cause: "it was cut off or changed on its way, or by a failing disk",
        cause: "it is another file, or a backup of the other program: a host does not restore an authority's",
        cause: "it was made by a newer version of the program",
        check: "read the sentence in the message: it says what is wrong with the file",
        check: "run `keymuster-host backup inspect` on another copy of the file",
        remedy: "take another copy of the backup, or an older one; what is in the data directory was not changed",
    }

    DATA_MOVED: 428 "data-moved" Refusal 409 {
        sentence: "the server has moved to another machine, and does not work here beside it",
        cause: "a backup was made with `keymuster-host backup create --retire`, to be restored on another machine",
        cause: "the service was started on the old machine out of habit, or by its unit at boot",
        check: "read in the message when the server moved, and with which backup",
        remedy: "use the server on its new machine and disable the service here; if the move was given up, restore the \
                 backup that the message names here, with `keymuster-host backup restore --replace`",
    }

    DNS_SERVER_UNREACHABLE: 430 "dns-server-unreachable" Failure 0 {
        sentence: "the DNS server gives no usable answer to the host",
        cause: "the DNS server is stopped, or its address is mistyped",
        cause: "a firewall drops TCP port 53 between host and DNS server: changes are sent over TCP",
        cause: "a name server that only resolves names refuses questions from this machine, or cannot find the answer",
        check: "read in the message which server was asked and how it failed",
        check: "ask the server from this machine for the SOA record of the zone, over TCP",
        remedy: "correct the address, or let the host reach port 53 of the server over TCP and UDP; the host tries again \
                 by itself, and clients that know a host go on with it",
    }

    DNS_ZONE_NOT_SERVED: 431 "dns-zone-not-served" Failure 0 {
        sentence: "the DNS server does not hold the zone that the host's records belong to",
        cause: "the domain is mistyped, or is the responsibility of another name server",
        cause: "the address is that of a resolver, or of a secondary server, and not of the zone's primary server",
        cause: "the server holds the zone for other clients only, or could not load it",
        check: "ask DNS for the SOA record of the domain: its first name is the primary server",
        check: "look in the name server's log for the zone",
        remedy: "name the zone's primary server; a server takes changes of the zones that it is primary for",
    }

    DNS_UPDATE_REFUSED: 432 "dns-update-refused" Failure 0 {
        sentence: "the DNS server knows the host's key and does not let it change these records",
        cause: "the zone does not allow changes by this key: its update policy names another key, name or type",
        cause: "another host owns the record set, or holds the only key that may write it (event 12293 on a KMS host)",
        cause: "the zone takes no dynamic updates, or only such as Active Directory signs, as on a Windows DNS server",
        cause: "the server answers SERVFAIL because it may not write the zone's journal into its own directory",
        cause: "the name of the records is an alias (CNAME), beside which nothing else can stand",
        check: "run `keymuster-host dns`: it shows which records are there and whose they are",
        check: "look in the name server's log: it names the key, the record and the rule that refused",
        remedy: "grant the key the right to change SRV records at _keymuster._tcp of the domain, the same for every host; \
                 or enter the records by hand, as `keymuster-host dns --print` shows them",
        known_as: "0x80072338",
    }

    DNS_KEY_MISMATCH: 433 "dns-key-mismatch" Failure 0 {
        sentence: "host and DNS server do not have the same key, so that nothing was changed",
        cause: "the name server does not know a key of this name: it was not configured or not reloaded",
        cause: "the secret differs, because the key was made anew on one side only",
        cause: "the server does not sign its answers, because it does not know signed updates",
        check: "compare the name in the key file with the key statement in the name server's configuration",
        check: "compare the two secrets by their checksums, and look in the name server's log for BADKEY or BADSIG",
        remedy: "copy the key file of the name server to the host again, and reload the name server",
    }

    DNS_CLOCK_DIFFERS: 434 "dns-clock-differs" Failure 0 {
        sentence: "the clocks of host and DNS server differ by more than the five minutes that a signature holds",
        cause: "the host's machine has no time source, or was resumed with an old time",
        cause: "the name server's clock is wrong",
        check: "read in the message by how much the clocks differ",
        check: "compare both with a clock that you trust, in UTC",
        remedy: "synchronise the clock that is wrong; the host tries again by itself",
    }

    DNS_KEY_FILE_UNUSABLE: 435 "dns-key-file-unusable" Failure 422 {
        sentence: "the file with the DNS key cannot be read, or is not a key",
        cause: "the path is mistyped, or the user of the service may not read the file",
        cause: "the file has only the secret, more than one key, or an algorithm other than hmac-sha256",
        check: "read in the message which file it is and what is wrong with it",
        check: "look at the owner and rights of the file: it should be readable by the user of the service alone",
        remedy: "make a key with tsig-keygen, give the same key statement to the name server and to the host, and let \
                 the user of the service read the file",
    }

    TLS_REQUIRED: 436 "tls-required" Refusal 403 {
        sentence: "the server takes requests over TLS only, and this one came without",
        cause: "an administrator turned plain HTTP off with the setting `tls`",
        cause: "the administrators' address is asked from another machine, which is never answered without TLS",
        cause: "the product or program is too old to speak TLS, or its host is set without `https://`",
        check: "run `keymuster-host settings` on the host: the line `tls` says what is taken",
        check: "ask `/livez` at the same address with `https://`: the server answers `ok`",
        remedy: "ask `https://` at the same address and port; or let plain HTTP in again: `keymuster-host set` sets `tls` \
                 to `offer`",
    }

    TLS_CERTIFICATE_UNUSABLE: 437 "tls-certificate-unusable" Failure 422 {
        sentence: "a certificate for TLS or its private key cannot be used",
        cause: "the path is mistyped, or the user of the service may not read the file",
        cause: "the file is in another form than PEM, or its key is encrypted with a passphrase",
        cause: "key and certificate do not belong together, for example because only one of them was renewed",
        check: "read in the message which file it is and what is wrong with it",
        check: "let openssl x509 -pubkey print the key in the certificate, and openssl pkey -pubout that of the key file: they \
                are the same",
        remedy: "put the certificate, those between it and its root, and the unencrypted key into files that the user of \
                 the service can read; a running server goes on with the certificate that it has, and takes the new one \
                 as soon as it fits",
    }

    ACME_FAILED: 438 "acme-failed" Failure 0 {
        sentence: "the ACME server gave no certificate",
        cause: "the address of the server's directory is mistyped, or the server is not reached from here",
        cause: "no certificate authority of this system vouches for the server, as one within a company needs to be known here",
        cause: "the server did not find this machine by the name for which the certificate is, at port 80",
        cause: "the server has a limit for certificates or attempts, and it is reached",
        check: "read in the message which step failed and what the server says",
        check: "ask from another machine for http://NAME/.well-known/acme-challenge/x while an attempt is under way: the \
                answer is 404, from this program",
        remedy: "correct the address or the name, let the server reach port 80 of this machine, or name the file of the \
                 server's certificate authority in SSL_CERT_FILE; it is tried again by itself, and the certificate before \
                 goes on",
    }
    NOT_SIGNED_IN: 441 "not-signed-in" Refusal 401 {
        sentence: "the administration interface is for those who have signed in",
        cause: "the request carries no token, or one that is mistyped",
        cause: "the token has ended or was revoked, or the account that made it was disabled",
        check: "look at the list of tokens in the console: it shows when each ends and when it was last used",
        remedy: "make a new token in the console, and send it as `Authorization`",
    }

    PERMISSION_MISSING: 442 "permission-missing" Refusal 403 {
        sentence: "who has signed in, or the token, may not do this",
        cause: "the role of the account does not include it: viewers look, operators work with clients and keys, \
                administrators do everything",
        cause: "the token was made with fewer scopes than its account has",
        check: "read the detail: it names the permission that is missing",
        remedy: "ask an administrator for another role, or make a token with the scope",
    }

    CROSS_SITE: 443 "cross-site" Refusal 403 {
        sentence: "the request does not come from a page of this server",
        cause: "a page of another site tried to act in the name of somebody who has signed in here",
        cause: "a program sent a form instead of using the administration interface with a token",
        cause: "a proxy before the server changes the headers `Host` or `Origin`",
        check: "repeat the act from the server's own pages",
        remedy: "use the server's own pages or a token; let a proxy pass both headers unchanged",
    }

    NAME_NOT_ALLOWED: 444 "name-not-allowed" Refusal 421 {
        sentence: "the server is not to be reached by this name",
        cause: "a proxy or a DNS name leads to the administrators' port, and the server was not told that name",
        cause: "a page of another site tries to reach this machine through a name of its own",
        check: "read the address bar of the browser: the name in it is the one that was refused",
        remedy: "use the address that the server printed at its start, or start it with that name: `keymuster-host serve --admin-name NAME`, and so at an authority",
    }

    RECORD_UNKNOWN: 445 "record-unknown" Refusal 404 {
        sentence: "there is nothing with this name or number",
        cause: "the link is old, and what it led to was removed",
        cause: "the name is mistyped",
        check: "look for it in the list that it belongs to",
        remedy: "take the name from the list",
    }

    INPUT_INVALID: 446 "input-invalid" Refusal 422 {
        sentence: "what was entered cannot be taken",
        cause: "a field is missing, too long or not of the form that it has to have",
        check: "read the detail: it names the first field that is wrong",
        remedy: "correct the field and send everything again",
    }

    PROVIDER_FAILED: 447 "provider-failed" Failure 502 {
        sentence: "the organisation's OpenID provider cannot be asked, or its answer does not hold",
        cause: "the provider is stopped, or a firewall or proxy lies between",
        cause: "its certificate is of an authority that this machine does not know",
        cause: "client id or client secret are not those that the provider has",
        cause: "the clocks of the two machines differ by more than two minutes",
        check: "read the detail, or the server's log: it says what was asked and what is wrong with the answer",
        check: "fetch `/.well-known/openid-configuration` below the issuer's address from this machine",
        remedy: "correct the file that `keymuster-host serve --openid-file` names and start the server again; until then sign in \
                 with a password, which `keymuster-host claim --reset NAME` sets",
    }

    PROVIDER_ACCOUNT_REFUSED: 448 "provider-account-refused" Refusal 403 {
        sentence: "the organisation's account opens nothing here",
        cause: "no account here is linked with it, and none may be found or made by its name",
        cause: "none of the groups that the provider names has a role here",
        cause: "the account here is disabled, or linked with somebody else",
        cause: "it took too long to come back from the provider, or the way back belongs to another browser",
        check: "read the detail: it says which of these it is",
        remedy: "sign in with a password and link the account under Your account, or ask an administrator for an account or \
                 a role",
    }

    IDEMPOTENCY_KEY_REUSED: 451 "idempotency-key-reused" Refusal 422 {
        sentence: "another request was sent with the same idempotency key",
        cause: "a program takes one key for several requests",
        cause: "a program changed the request before it sent it again",
        check: "compare the two requests: method, path, query and body have to be the same to the byte",
        remedy: "take a new key for each act, and the same key only to send the same request again",
    }

    REQUEST_UNFINISHED: 452 "request-unfinished" Refusal 409 {
        sentence: "a request with this idempotency key was begun, and its end is not known yet",
        cause: "the first request is still being worked on",
        cause: "the server was stopped while it worked on the first request",
        check: "read the detail: it tells which of the two it is",
        check: "look at the audit: it shows whether the act was done",
        remedy: "ask again after a second; after a stop of the server, look whether the act was done, and send it with a \
                 new key if not",
    }

    ANSWER_NOT_KEPT: 453 "answer-not-kept" Refusal 409 {
        sentence: "this request was done when it was first sent, and its answer was not kept",
        cause: "the answer held a secret, which is shown once",
        cause: "the answer was too long to be kept",
        check: "look at the list that the act adds to: what it made is there",
        remedy: "where the secret is lost, revoke what was made and make another with a new key",
    }

    SECOND_PERSON_NEEDED: 461 "second-person-needed" Refusal 403 {
        sentence: "this takes back so much that a second person has to agree, and this is not one",
        cause: "whoever proposed it tries to confirm it, by a token or at the command line of the machine as well",
        cause: "the account that tries was made after the act was proposed",
        check: "look at the proposal: it names who made it, and when",
        check: "compare with your own account; capital letters make no other person",
        remedy: "let another administrator, whose account is older than the proposal, confirm it",
    }

    PROPOSAL_ENDED: 462 "proposal-ended" Refusal 409 {
        sentence: "the proposal is no longer open",
        cause: "somebody else has confirmed or withdrawn it meanwhile",
        cause: "nobody has decided within 7 days",
        check: "look at the proposal: it shows how it ended, when and by whom",
        remedy: "where the act is still wanted, ask for it again",
    }
}
