//! 2xx: why a host refuses; each answer carries the numbers behind it, and none takes a lease away.

codes! {
    THRESHOLD_NOT_MET: 201 "threshold-not-met" Refusal 403 {
        sentence: "too few different clients have asked this host for anyone to be activated yet",
        cause: "the host or the site is new: this request has been counted, and the count grows with every further \
                 client",
        cause: "machines were cloned from one image and share a client id, so that they count as one",
        cause: "clients are spread over several hosts without a common database, and each host counts alone",
        cause: "clients have been silent for more than 30 days and have left the count",
        check: "compare count and need in the answer; `keymuster-host status` shows both for every counting scope",
        check: "look in the host's console for client ids that several machines share",
        check: "ask DNS for `_keymuster._tcp.<domain>` and see whether it names more than one host",
        remedy: "let more clients ask, rearm cloned machines, or give all hosts one database; refused clients ask \
                 again \
                 every 2 hours, and a site that stays too small needs a MAK",
        known_as: "0xC004F038",
    }

    SEATS_EXHAUSTED: 202 "seats-exhausted" Refusal 403 {
        sentence: "all seats of the pool are taken",
        cause: "more machines use the product at the same time than seats were bought",
        cause: "the product was left open on machines where nobody works",
        cause: "a machine stopped without releasing its seat, which stays taken a little longer than its lease",
        check: "run `keymuster-host status`: it shows the seats of each pool, taken and in all",
        check: "read in the answer when the next seat ends",
        remedy: "close the product where it is not needed or wait for the time in the answer; order more seats if it \
                 recurs",
    }

    CLOCK_SKEW: 203 "clock-skew" Refusal 403 {
        sentence: "the clocks of client and host differ by more than is tolerated",
        cause: "the client's clock is wrong after a flat battery, a long sleep or a restored snapshot",
        cause: "the host's clock is wrong, which shows by many clients being refused at once",
        cause: "the two machines take their time from different sources, or one of them from none",
        check: "compare the time of both machines in UTC: time zones do not matter",
        check: "compare the host's time in the answer with a clock that you trust",
        remedy: "synchronise the wrong clock with the same source as the other; the next attempt succeeds by itself",
        known_as: "0xC004F06C",
    }

    EDITION_UNKNOWN: 204 "edition-unknown" Refusal 422 {
        sentence: "the host's licence packs do not describe the edition that the client asked for",
        cause: "the product is newer than the newest licence pack on the host",
        cause: "the client is a test build whose edition is not in the released catalogue",
        check: "run `keymuster-host status`: it names the licence packs that the host holds",
        check: "run `keymuster inspect FILE` on the publisher's newest licence pack and look for the edition",
        remedy: "import the publisher's newest licence pack on the host",
    }

    EDITION_NOT_COVERED: 205 "edition-not-covered" Refusal 403 {
        sentence: "no activated host key of this host covers the edition that the client asked for",
        cause: "the installed host key is of a lower group or an older generation than the edition",
        cause: "the host key that covers the edition is installed but not activated",
        cause: "the client reached a host that is meant for other products",
        check: "run `keymuster-host status`: it lists the installed keys, the groups that each covers, and which are \
                 activated",
        check: "run `keymuster status` on the client: it names the edition, the host and how the host was found",
        remedy: "run `keymuster-host install-key KEY` with a host key that covers the edition, then `keymuster-host \
                 activate`; \
                 or point the client to the right host",
        known_as: "0xC004F042",
    }

    HOST_NOT_ACTIVATED: 206 "host-not-activated" Refusal 503 {
        sentence: "the host holds no entitlement of this publisher yet",
        cause: "a host key was installed, but the host was not activated afterwards",
        cause: "no host key of this publisher was installed",
        cause: "an activation by file was begun, and the answer has not been brought back",
        check: "run `keymuster-host status`: it says what is missing",
        check: "make sure that the host reaches the authority, by default on port 1690",
        remedy: "run `keymuster-host activate`, or without a connection `keymuster-host activate --request FILE` and \
                 then \
                 `keymuster-host activate --response FILE`",
        known_as: "0xC004F041",
    }

    ENTITLEMENT_EXPIRED: 207 "entitlement-expired" Refusal 403 {
        sentence: "the host's entitlement has ended, so that it may not grant anything",
        cause: "the host could not reach the authority for a long time and nobody renewed the entitlement by file",
        cause: "the contract has ended, and the publisher did not renew the entitlement",
        cause: "the host's clock is far ahead",
        check: "run `keymuster-host status`: it shows since when the entitlement warned and when it stopped",
        check: "make sure that the host's date is right and that it reaches the authority, by default on port 1690",
        remedy: "run `keymuster-host activate`, with `--request FILE` and `--response FILE` if there is no \
                 connection; ask the \
                 publisher if the authority refuses",
    }

    CLIENTS_EXHAUSTED: 208 "clients-exhausted" Refusal 403 {
        sentence: "the entitlement's limit of different clients is reached",
        cause: "more machines ask than the contract allows",
        cause: "machines that are rebuilt often, such as containers and test machines, appear as new clients each time",
        cause: "somebody on the network asks with invented client ids",
        check: "run `keymuster-host status`: it shows the clients counted and the limit",
        check: "look in the host's console at the newest clients, their addresses and how fast their number grows",
        remedy: "order a higher limit and run `keymuster-host activate` to fetch it; keep machines away that should \
                 not ask",
    }

    REKEY_REQUIRED: 209 "rekey-required" Refusal 409 {
        sentence: "the host knows this client id with another key",
        cause: "the machine was cloned after the product's first use, and both copies carry one client id",
        cause: "the client's state was restored in part, so that its key is not the one it had before",
        cause: "another machine presents a copied client id",
        check: "run `keymuster status` on the client: it shows the client id",
        check: "look for that client id in the host's console: it shows the machines that used it",
        remedy: "rearm the copy, so that it becomes a client of its own, and rearm templates before an image is taken",
    }

    REQUEST_REPLAYED: 210 "request-replayed" Refusal 409 {
        sentence: "the request is not newer than the last one that the host has seen from this client",
        cause: "the client's machine was reset to an older snapshot",
        cause: "two copies of one machine ask in turn with one client id",
        cause: "an old request was recorded on the network and sent again",
        check: "look for the client id in the host's console: it shows when and from where it asked last",
        check: "find out whether the machine was cloned or restored since then",
        remedy: "let the client ask again; if it is refused again, rearm it, so that it becomes a client of its own",
    }

    REQUEST_CONFLICT: 211 "request-conflict" Refusal 422 {
        sentence: "the request id was used before with other content",
        cause: "a program changed a request between two attempts instead of repeating it as it was",
        cause: "a cloned or resumed machine drew the same random number as its twin",
        check: "look for the request id in the host's log: it shows both requests",
        check: "find out whether the machine was cloned or resumed from a snapshot in between",
        remedy: "begin a new attempt, which draws a new request id; tell the publisher of the product if it happens \
                 again",
    }

    REQUEST_FOR_ANOTHER_HOST: 212 "request-for-another-host" Refusal 422 {
        sentence: "the request is addressed to another host",
        cause: "a request file was made for one host and carried to another",
        cause: "the client's host was replaced under the same name, and the client still addresses the old one",
        cause: "a proxy or load balancer passed the request to a host that it was not meant for",
        check: "run `keymuster inspect FILE` on a request file: it names the host that it is meant for",
        check: "run `keymuster status` on the client: it shows its host and how the host was found",
        remedy: "carry the file to the host that it names, or make a new request for this host",
    }

    PUBLISHER_UNKNOWN: 213 "publisher-unknown" Refusal 422 {
        sentence: "the host does not serve the publisher of the product that asked",
        cause: "the client found a host that is meant for the products of another publisher",
        cause: "no host key of this publisher was ever installed on the host",
        check: "run `keymuster-host status`: it lists the publishers that the host serves",
        check: "run `keymuster status` on the client: it shows its host and how the host was found",
        remedy: "run `keymuster-host install-key KEY` with a host key of that publisher, or point the client to the \
                 right host",
    }

    LEASE_UNKNOWN: 214 "lease-unknown" Refusal 404 {
        sentence: "the lease to be released was not granted by this host",
        cause: "the lease was granted by another host, and the client has changed hosts since",
        cause: "the host's database was restored from a backup that is older than the lease",
        check: "run `keymuster inspect FILE` on the lease: it names the host that granted it",
        check: "run `keymuster-host status` and compare the name of the host",
        remedy: "release the lease at the host that granted it, or let it end by itself",
    }

    SEAT_FENCED: 215 "seat-fenced" Refusal 409 {
        sentence: "the seat has passed on to somebody else since this client held it",
        cause: "the client's machine slept or was paused until its lease had ended, and the seat was given away",
        cause: "the client was cut off from the host for longer than the lease lasted",
        check: "run `keymuster status` on the client: it shows when its lease ended",
        check: "look in the host's console who holds the seat",
        remedy: "let the client ask for a new seat",
    }

    POOL_UNKNOWN: 216 "pool-unknown" Refusal 422 {
        sentence: "the host has no seat pool of this name for the edition",
        cause: "the name of the pool is mistyped in the client's settings",
        cause: "the pool was renamed or dropped when the entitlement was renewed",
        cause: "the pool was bought recently, and the host has not fetched the new entitlement",
        check: "run `keymuster-host status`: it lists the pools with their editions",
        check: "run `keymuster status` on the client: it shows the pool that it asks for, and where the name comes \
                 from",
        remedy: "correct the name on the client, or run `keymuster-host activate` to fetch the current entitlement",
    }

    WRONG_WAY: 217 "wrong-way" Refusal 422 {
        sentence: "the edition is not activated in the way that the client asked for",
        cause: "the client asked for a volume lease, and the edition is licensed by seats, or the reverse",
        cause: "the client has a MAK installed and asked a host, but MAKs are honoured by the authority alone",
        check: "run `keymuster status` on the client: it shows the kind of key and the way it goes",
        check: "run `keymuster inspect FILE` on the licence pack: it says how the edition is activated",
        remedy: "enter the setup key on the client to be activated by a host, or a MAK to be activated by the \
                 authority",
    }
}
