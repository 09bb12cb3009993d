//! 2xx: why a host refuses; each answer carries the numbers behind it, and none takes a lease away.

codes! {
    THRESHOLD_NOT_MET: 201 "threshold-not-met" Refusal 403 {
        sentence: "too few different clients have asked this host for anyone to be activated yet",
        cause: "the host or the site is new: this request has been counted, and the count grows with every further \
                client",
        cause: "machines were cloned from one image with the client's directory in it, and count as one client",
        cause: "clients are spread over several hosts, and each host counts alone",
        cause: "clients have been silent for longer than the window, mostly 30 days, and have left the count",
        check: "compare count and need in the answer; `keymuster-host status` shows count and thresholds of every \
                family",
        check: "look under the last day in `keymuster-host status`: request-replayed tells of machines that share a \
                client id",
        check: "ask DNS for `_keymuster._tcp.<domain>` and see whether it names more than one host",
        remedy: "let more clients ask, all of them one host; refused clients ask again by themselves, mostly every 2 \
                 hours; on clones run `keymuster rearm`; a site that stays too small needs a MAK",
        known_as: "0xC004F038",
    }

    SEATS_EXHAUSTED: 202 "seats-exhausted" Refusal 403 {
        sentence: "all seats of the pool are taken",
        cause: "more machines use the product at the same time than seats were bought",
        cause: "the product was left open on machines where nobody works",
        cause: "a machine stopped without releasing its seat, which stays taken a little longer than its lease",
        check: "run `keymuster-host status`: it shows the seats of each pool, taken and in all",
        check: "read in the answer when the next seat ends",
        remedy: "close the product where it is not needed, run `keymuster release` there, or wait for the time in the \
                 answer; if it recurs, order a host key with more seats for a further host",
    }

    CLOCK_SKEW: 203 "clock-skew" Refusal 403 {
        sentence: "the clocks of client and host differ by more than is tolerated",
        cause: "the client's clock is wrong after a flat battery, a long sleep or a restored snapshot",
        cause: "the host's clock is wrong, which shows by many clients being refused at once",
        cause: "the two machines take their time from different sources, or one of them from none",
        check: "compare the two times in the answer with a clock that you trust, in UTC: time zones do not matter",
        check: "run `keymuster-host status`: it shows the host's time, and under the last day how many were refused",
        remedy: "synchronise the wrong clock with the same source as the other; the next attempt succeeds by itself",
        known_as: "0xC004F06C",
    }

    EDITION_UNKNOWN: 204 "edition-unknown" Refusal 422 {
        sentence: "the licence pack held there does not describe the edition that was asked for",
        cause: "the product is newer than the newest licence pack on the host",
        cause: "the client is a test build whose edition is not in the released catalogue",
        cause: "the edition's name was mistyped in `keymuster add`",
        check: "run `keymuster-host status`: it names the version of each licence pack that the host holds",
        check: "run `keymuster inspect FILE` on the publisher's newest licence pack and look for the edition",
        remedy: "on the host run `keymuster-host pack fetch`, or `keymuster-host pack import FILE` with the publisher's \
                 newest licence pack; with `keymuster add` use a name that the message lists",
    }

    EDITION_NOT_COVERED: 205 "edition-not-covered" Refusal 403 {
        sentence: "no activated host key of this host covers the edition that the client asked for",
        cause: "the installed host key is of a lower group or an older generation than the edition",
        cause: "the host key that covers the edition is installed but not activated",
        cause: "the edition is licensed by seats, and the host key came without any",
        cause: "the client reached a host that is meant for other products",
        check: "run `keymuster-host status`: it lists the installed keys with the groups that each covers, which of \
                them are activated, and the pools of seats with their editions",
        check: "run `keymuster status` on the client: it names the edition and each host that was tried, with how it \
                was found",
        remedy: "run `keymuster-host install-key` with a host key that covers the edition, then `keymuster-host \
                 activate`; or point the client to the right host",
        known_as: "0xC004F042",
    }

    HOST_NOT_ACTIVATED: 206 "host-not-activated" Refusal 503 {
        sentence: "the host holds no entitlement of this publisher that counts",
        cause: "a host key was installed, but the host was not activated afterwards",
        cause: "no host key of this publisher was installed",
        cause: "an activation by file was begun, and the answer has not been brought back",
        cause: "the publisher has revoked the host, its key or the customer",
        check: "run `keymuster-host status`: it says what is missing and what to do next",
        check: "make sure that the host reaches the authority, by default on port 1690",
        remedy: "run `keymuster-host activate`, or without a connection `keymuster-host activate --request FILE` and \
                 then `keymuster-host activate --response FILE`, or the same with `--request-qr` and `--response-qr \
                 PICTURE`",
        known_as: "0xC004F041",
    }

    ENTITLEMENT_EXPIRED: 207 "entitlement-expired" Refusal 403 {
        sentence: "the host's entitlement has ended, so that it may not grant anything",
        cause: "nobody has renewed the entitlement in time: a host reminds of it and does not do it by itself",
        cause: "the contract has ended, and the publisher did not renew the entitlement",
        cause: "the host's clock is far ahead",
        check: "run `keymuster-host status`: it shows when the entitlement ended, or from when it is to be renewed, \
                and the host's time",
        check: "make sure that the host reaches the authority, by default on port 1690",
        remedy: "run `keymuster-host activate`, with `--request FILE` and then `--response FILE` if there is no \
                 connection, or `--request-qr` and then `--response-qr PICTURE`; ask the publisher if the authority refuses",
    }

    CLIENTS_EXHAUSTED: 208 "clients-exhausted" Refusal 403 {
        sentence: "the entitlement's limit of different clients is reached",
        cause: "more machines ask than the contract allows",
        cause: "machines that are rebuilt often, such as containers and test machines, appear as new clients each time",
        cause: "somebody on the network asks with invented client ids",
        check: "run `keymuster-host status`: it shows the clients that each family counts, and the limit",
        check: "start the host with `KEYMUSTER_LOG=debug` for a while: its log then names client id, address and \
                outcome of every request",
        remedy: "keep machines away that should not ask: they leave the count when they have been silent for the \
                 window, mostly 30 days; for more, order a host key with a higher limit for a further host",
    }

    REKEY_REQUIRED: 209 "rekey-required" Refusal 409 {
        sentence: "the client id, or a host's id, is known there with another key",
        cause: "somebody asks with the client id of another machine: it is no secret, and the key is",
        cause: "a program that keeps the client's identity by itself has kept the id and lost the key",
        cause: "on `keymuster-host activate`: the host's `host.key` is another than the one it was activated with",
        check: "run `keymuster status` on the client: it shows the client id",
        check: "start the host with `KEYMUSTER_LOG=debug` for a while: its log then names the addresses from which \
                that client id asks",
        remedy: "on the machine that should not have the id run `keymuster rearm`, so that it begins anew as a client \
                 of its own; on a host, restore `host.key` from the backup of its database",
    }

    REQUEST_REPLAYED: 210 "request-replayed" Refusal 409 {
        sentence: "the request is not newer than the last one that the host has seen from this client",
        cause: "the client's machine was reset to an older snapshot",
        cause: "two copies of one machine ask in turn with one client id",
        cause: "an old request was recorded on the network and sent again",
        check: "start the host with `KEYMUSTER_LOG=debug` for a while: its log then names the addresses from which the \
                client id asks",
        check: "find out whether the machine was cloned or restored since then",
        remedy: "let the client ask again, which continues above the number that the host has seen; on a copy run \
                 `keymuster rearm`, so that it becomes a client of its own",
    }

    REQUEST_CONFLICT: 211 "request-conflict" Refusal 422 {
        sentence: "the request id was used before with other content",
        cause: "a program changed a request between two attempts instead of repeating it as it was",
        cause: "a cloned or resumed machine drew the same random number as its twin",
        check: "start the server with `KEYMUSTER_LOG=debug` for a while: its log then names address and outcome of \
                every request",
        check: "find out whether the machine was cloned or resumed from a snapshot in between",
        remedy: "begin a new attempt, which draws a new request id; tell the publisher of the product if it happens \
                 again",
    }

    REQUEST_FOR_ANOTHER_HOST: 212 "request-for-another-host" Refusal 422 {
        sentence: "the request is addressed to another host",
        cause: "a product that names the host it means was led to another one by a name in DNS",
        cause: "the client's host was replaced under the same name, and the product still means the old one",
        cause: "a proxy or load balancer passed the request to a host that it was not meant for",
        check: "compare the two host ids in the answer",
        check: "run `keymuster-host status`: it shows the host's id",
        remedy: "lead the client to the host that it means, or let the product ask any host: the library does so",
    }

    PUBLISHER_UNKNOWN: 213 "publisher-unknown" Refusal 422 {
        sentence: "the host or authority does not serve the publisher of the product that asked",
        cause: "the client found a host that is meant for the products of another publisher",
        cause: "this publisher was never added to the host",
        cause: "a request was carried to the authority of another publisher",
        check: "run `keymuster-host status`: it lists the publishers that the host serves",
        check: "run `keymuster status` on the client: it names the publisher and each host that was tried, with how it \
                was found",
        remedy: "run `keymuster-host add-publisher --trust FILE --pack FILE`, then `keymuster-host install-key` and \
                 `keymuster-host activate` for that publisher; point the client to the right host; or carry the \
                 request to the authority of its own publisher",
    }

    LEASE_UNKNOWN: 214 "lease-unknown" Refusal 404 {
        sentence: "there is no lease to be released: the client holds none, or this host did not grant it",
        cause: "the client holds no lease: it was released before, never granted, or it is activated by a MAK",
        cause: "the lease was granted by another host, and the client has changed hosts since",
        cause: "the host's database was restored from a backup that is older than the lease",
        check: "run `keymuster status` on the client: it shows what is held and which host answered last",
        check: "run `keymuster-host status` on the host: it shows how many entries its ledger has, and of when the \
                newest is",
        remedy: "do nothing if the client holds none; otherwise release the lease at the host that granted it, for \
                 example with `keymuster --host HOST release`, or let it end by itself",
    }

    SEAT_FENCED: 215 "seat-fenced" Refusal 409 {
        sentence: "this client has been given a newer seat than the one that it shows",
        cause: "the machine was reset to a snapshot of before it got its present seat",
        cause: "two copies of one machine ask with one client id, and the other one got the seat",
        check: "compare `fence` and `newest` in the answer: seats are numbered as they are given",
        check: "start the host with `KEYMUSTER_LOG=debug` for a while: its log then names the addresses from which the \
                client id asks",
        remedy: "on a copy run `keymuster rearm`, so that it becomes a client of its own; otherwise wait: once the \
                 newer seat has ended, the client gets another",
    }

    POOL_UNKNOWN: 216 "pool-unknown" Refusal 422 {
        sentence: "the host has no seat pool of this name for the edition",
        cause: "the product asks for a pool by a name that is mistyped in its settings",
        cause: "the pool was renamed or dropped when the entitlement was renewed",
        check: "run `keymuster-host status`: it lists the pools with their editions",
        check: "read in the answer which name was asked for",
        remedy: "correct the name in the product, or ask for no pool by name: the host then takes the edition's first",
    }

    WRONG_WAY: 217 "wrong-way" Refusal 422 {
        sentence: "what was asked for is not done here, or not in this way",
        cause: "a client without a MAK reached an authority, which honours MAKs alone: leases are a host's",
        cause: "a MAK reached a host: MAKs are honoured by the authority alone, and a host collects requests without \
                one",
        cause: "a request file was asked for on a client that has no MAK, or has used it already",
        check: "run `keymuster status` on the client: it shows the way, by a host or by a MAK, and which address was \
                tried",
        check: "compare the port: hosts listen on 1688, authorities on 1690",
        remedy: "correct the address; or run `keymuster install-key` and type the setup key to be activated by a host, \
                 or a MAK to be activated by the authority",
    }

    EXCHANGE_PENDING: 218 "exchange-pending" Refusal 503 {
        sentence: "the host has collected the request and waits for the publisher's answer to it",
        cause: "the administrator of the host has not made the exchange with the publisher yet",
        cause: "the exchange was made before this machine asked, and the next one will carry its request",
        check: "run `keymuster-host exchange list` on the host: it shows what is collected, and what was exchanged",
        remedy: "on the host run `keymuster-host exchange export`, carry the file to the publisher, and run \
                 `keymuster-host exchange import` with the answer; the machine fetches its result by itself, and at \
                 once with `keymuster activate`",
    }

    EXCHANGE_FULL: 219 "exchange-full" Refusal 503 {
        sentence: "the host has collected as many requests as it keeps",
        cause: "collected requests were never exchanged or dropped",
        cause: "somebody on the network sends invented requests",
        check: "run `keymuster-host exchange list` on the host: it shows what is collected, from which address",
        remedy: "on the host run `keymuster-host exchange export` and `keymuster-host exchange import`, or drop what is \
                 not wanted with `keymuster-host exchange drop`",
    }

    SEAT_RECLAIMED: 220 "seat-reclaimed" Refusal 403 {
        sentence: "an administrator has reclaimed this client's seat for others",
        cause: "the administrator of the host has reclaimed the seat in the console, and given a reason",
        check: "look up the client in the host's audit, `keymuster-host audit`: it names who reclaimed the seat and why",
        check: "read `free_at` in the answer: until then the seat stays the client's, so that nobody else uses it as well",
        remedy: "ask the host's administrator; the client asks again by itself once the seat is free, after those who \
                 wait for one",
    }

    CLIENT_RELEASED: 221 "client-released" Refusal 403 {
        sentence: "an administrator has released this client, and it is not activated again while a lease of it holds",
        cause: "the administrator of the host has released the machine in the console, and given a reason",
        check: "look up the client in the host's audit, `keymuster-host audit`: it names who released the client and why",
        check: "run `keymuster status` on the client: it shows until when its lease holds",
        remedy: "ask the host's administrator, who can take the release back; a machine that begins anew runs \
                 `keymuster rearm`",
    }
}
