//! 4xx: what the servers say about requests as such, about their administration and about their databases.

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
        check: "look in the server's log from which address the request came",
        check: "run `keymuster inspect FILE` on the file that was sent",
        remedy: "send the request as it was made; look after the machine at the logged address if it should not ask",
    }

    REQUEST_TIMEOUT: 403 "request-timeout" Failure 408 {
        sentence: "the request did not arrive completely in time",
        cause: "the network between client and server is slow or loses packets",
        cause: "a port scanner or a monitoring probe opened the connection and sent nothing",
        check: "look in the server's log from which address the connection came, and whether it is always the same",
        check: "run `keymuster status` on the client: it shows how its last attempts went",
        remedy: "let the client ask again, which it does by itself; mend the network if one site is affected as a \
                 whole",
    }

    ROUTE_UNKNOWN: 404 "route-unknown" Refusal 404 {
        sentence: "the server has nothing at this address",
        cause: "the address is mistyped, or asks the clients' port for the console: 1688 serves clients, 1689 \
                 administration",
        cause: "the address names something that was deleted, or belongs to another version of the interface",
        cause: "a host's address stands where the authority's belongs, or the reverse: the authority's port is 1690",
        check: "compare host, port and path with the documentation",
        check: "look up in the console whether the thing that the address names still exists",
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
        check: "read in the answer which content type is expected",
        check: "compare it with what was sent: `application/cose` for signed requests, `application/json` for \
                 administration",
        remedy: "send the content type that the answer names",
    }

    VERSION_UNSUPPORTED: 407 "version-unsupported" Refusal 422 {
        sentence: "the server does not speak this version of the protocol",
        cause: "the product is newer than the host, which has not been upgraded",
        cause: "the product is so old that the server no longer speaks its version",
        check: "compare the version in the request with those that the answer lists",
        check: "run `keymuster-host status`: it shows the version of the host",
        remedy: "upgrade the older of the two; a host should be upgraded before its clients",
    }

    HOST_READ_ONLY: 408 "host-read-only" Failure 503 {
        sentence: "the database cannot be written at the moment, so that nothing is granted",
        cause: "the disk of the data directory is full",
        cause: "the file system was mounted read-only after an error",
        cause: "the PostgreSQL server is in recovery, or a failover is under way",
        check: "run `keymuster-host status`: it shows the database, its place and the last error",
        check: "look at the free space and the state of the disk that holds the data directory",
        remedy: "free some space or mend the disk or database server; the host recovers by itself, and leases stay \
                 valid",
    }

    HOST_BUSY: 409 "host-busy" Failure 503 {
        sentence: "more requests are waiting than the server can answer in time",
        cause: "many machines were switched on at once, for example after a power cut",
        cause: "the disk or the database server is slow, so that each commit takes long",
        check: "run `keymuster-host status`: it shows the length of the queue and how long commits take",
        check: "look in the log whether few addresses send most of the requests",
        remedy: "wait: clients come back after the time in `Retry-After`; move the database to a faster disk if it \
                 recurs",
    }

    NOT_READY: 410 "not-ready" Failure 503 {
        sentence: "the server is starting or stopping and takes no requests at the moment",
        cause: "the server was started a moment ago and still reads its database or migrates it",
        cause: "the server was told to stop and finishes what it has begun",
        check: "look in the server's log for the last line about starting or stopping",
        check: "run `keymuster-host status` again in a few seconds",
        remedy: "wait a few seconds; if it stays so, act on the last error in the server's log",
    }

    INTERNAL_FAILURE: 411 "internal-failure" Failure 500 {
        sentence: "the server failed at this request for a reason of its own, which is in its log",
        cause: "a fault in the server's program",
        cause: "the operating system refused something unexpected, such as memory or a file",
        check: "look in the server's log for the request id in the answer: the cause stands in the same line",
        remedy: "try again; if it recurs, send the log line with the request id to those who support the server",
    }

    DATABASE_DAMAGED: 412 "database-damaged" Failure 500 {
        sentence: "the database contradicts itself at the table, column and row that the log names",
        cause: "the database was changed by hand or by another program",
        cause: "the disk lost writes that it had confirmed, for example in a power cut",
        cause: "a backup was copied from the files of a running server",
        check: "look in the server's log for the table, column and row",
        check: "look at the health of the disk that holds the data directory",
        remedy: "stop the server, keep a copy of the database, and restore the last backup; clients keep their leases",
    }

    DATABASE_NEWER: 413 "database-newer" Failure 0 {
        sentence: "the database was last used by a newer version of this program, so that this one does not start",
        cause: "the program was taken back to an older version after an upgrade",
        cause: "an older program was started with the data directory of a newer one",
        check: "compare the two versions in the message",
        check: "make sure that the data directory in the message is the one that you mean",
        remedy: "start the newer version again, or restore the backup that was taken before the upgrade",
    }

    ADDRESS_IN_USE: 414 "address-in-use" Failure 0 {
        sentence: "the server cannot listen, because another program uses the address and port",
        cause: "the server is running already, for example as a service",
        cause: "a Microsoft KMS host or another program on this machine listens on port 1688",
        check: "run `keymuster-host status`: it answers if a host is running on this machine",
        check: "find the program that listens on the port which the message names",
        remedy: "stop the other program, or configure another port and publish it in the SRV record",
    }

    STORE_UNWRITABLE: 415 "store-unwritable" Failure 0 {
        sentence: "the data directory or a file in it cannot be written, so that the server does not start",
        cause: "the server runs as another user than the owner of the directory",
        cause: "the directory does not exist, or lies on a disk that is full or read-only",
        cause: "the server was once started as the superuser, and its files belong to that user since",
        check: "look at owner, rights and free space of the path in the message",
        check: "look up which user the service runs as",
        remedy: "give the directory and all files in it to the user of the service, then start it again",
    }

    HOST_CLOCK_WRONG: 416 "host-clock-wrong" Failure 503 {
        sentence: "the host's clock is behind its own ledger, so that it refuses to sign",
        cause: "the host's clock was turned back, or was ahead when the newest leases were granted",
        cause: "the host's machine was resumed or started without a time source",
        check: "run `keymuster-host status`: it shows the host's time and that of the newest entry in its ledger",
        check: "compare the host's time with a clock that you trust, in UTC",
        remedy: "synchronise the host's clock; if the ledger is ahead of the true time, it signs again once that time \
                 is reached",
    }

    RATE_LIMITED: 417 "rate-limited" Refusal 429 {
        sentence: "this address has sent more requests than are allowed in so short a time",
        cause: "a script repeats a refused request at once instead of waiting",
        cause: "many machines stand behind one address, for example that of a gateway",
        cause: "somebody tries keys or passwords",
        check: "look in the server's log what the address asked for, and how often",
        check: "find out whether the address is that of a gateway or a single machine",
        remedy: "wait for the time in `Retry-After`; stop the script or machine that asks without pause",
    }
}
