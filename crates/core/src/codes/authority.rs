//! 3xx: why a publisher's authority refuses; what a host or client holds already stays valid to its end.

codes! {
    KEY_UNKNOWN: 301 "key-unknown" Refusal 422 {
        sentence: "the authority did not issue this product key",
        cause: "the key was made up, or changed in a way that its check symbols cannot show",
        cause: "the key was minted by another authority, for example the publisher's test installation",
        cause: "the authority was restored from a backup that is older than the key",
        check: "compare the key with the document in which the publisher sent it",
        check: "as the publisher, run `keymuster-authority key list` and look for the last five symbols",
        remedy: "enter the key exactly as the publisher sent it, or ask the publisher for a new one",
        known_as: "0xC004C001",
    }

    KEY_REVOKED: 302 "key-revoked" Refusal 403 {
        sentence: "the publisher has revoked this product key",
        cause: "the key became known outside the company that bought it",
        cause: "the key was replaced by a newer one, or the contract behind it has ended",
        check: "look for a message of the publisher about the key's last five symbols",
        check: "as the publisher, run `keymuster-authority key show LAST5`: it names date and reason",
        remedy: "ask the publisher for a new key and install it instead",
        known_as: "0xC004C003",
        known_as: "0xC004F051",
    }

    MAK_EXHAUSTED: 303 "mak-exhausted" Refusal 403 {
        sentence: "all activations of this MAK are used",
        cause: "more machines were activated with the key than it is worth",
        cause: "machines were installed anew without keeping their state, and each time used one activation more",
        cause: "the key was put into an image or a script and reached machines that should be activated by a host",
        check: "compare used and total in the answer",
        check: "as the publisher, look in the authority's log: it has a line with client, key and time for each \
                activation",
        remedy: "order a MAK for more activations, or enter the setup key on machines that can reach a host",
        known_as: "0xC004C020",
        known_as: "0xC004C021",
    }

    HOSTS_EXHAUSTED: 304 "hosts-exhausted" Refusal 403 {
        sentence: "the host key has been activated on as many hosts as it allows, by default 6",
        cause: "hosts were installed anew without their identity, and each counts as another host",
        cause: "the host key was put into an image or a script, and reached more hosts than were meant",
        cause: "more hosts are in use than the contract provides for",
        check: "compare `hosts` and `hosts_max` in the answer",
        check: "as the publisher, run `keymuster-authority key show LAST5`: it lists the hosts on which the key was \
                activated",
        remedy: "restore the old host from its backup instead of making a new one; or ask the publisher to give up \
                 hosts that are gone, which `keymuster-authority host revoke` does and which makes room",
        known_as: "0xC004C008",
    }

    HOST_ACTIVATIONS_EXHAUSTED: 305 "host-activations-exhausted" Refusal 403 {
        sentence: "this host has been activated with this key as often as the key allows, by default 10 times",
        cause: "a script runs `keymuster-host activate --renew` again and again; without `--renew` nothing is used up",
        cause: "the host was restored and activated again many times, for example in a laboratory",
        check: "compare used and total in the answer",
        check: "as the publisher, run `keymuster-authority key show LAST5`: it shows how often each host was activated",
        remedy: "take `--renew` out of the script; set up a host with a new identity, in an empty data directory, \
                 which counts as another of the key's hosts, or ask the publisher for a new host key for it",
        known_as: "0xC004C008",
    }

    HOST_REVOKED: 306 "host-revoked" Refusal 403 {
        sentence: "the publisher has revoked this host",
        cause: "the host's private key was lost or stolen, or two machines used it at once",
        cause: "the host was reported as retired and is still running",
        check: "look for a message of the publisher about this host, whose id `keymuster-host status` shows",
        check: "as the publisher, run `keymuster-authority revocations list`: it names the reason",
        remedy: "ask the publisher; if the reason no longer holds, set up a host with a new identity, in an empty data \
                 directory, and activate it",
    }

    CUSTOMER_STOPPED: 307 "customer-stopped" Refusal 403 {
        sentence: "the publisher has stopped all activations of this customer",
        cause: "the contract has ended or is in dispute",
        cause: "keys of this customer were misused, and the publisher has stopped them all until it is cleared up",
        check: "ask the person in your company who holds the contract with the publisher",
        check: "as the publisher, run `keymuster-authority customer list`: it shows since when, and why",
        remedy: "settle the matter with the publisher, who lifts the stop with `keymuster-authority customer resume`; \
                 leases already granted hold to their end",
    }

    CATALOGUE_MISSING: 308 "catalogue-missing" Failure 503 {
        sentence: "the authority has no signed catalogue yet, so that it cannot tell what to grant",
        cause: "the authority is new, and its catalogue was written but not signed",
        cause: "the authority runs with another data directory than the one in which the catalogue was signed",
        check: "as the publisher, run `keymuster-authority catalogue check FILE.toml` on the catalogue",
        check: "make sure that `--data-dir` is the same for signing and for serving",
        remedy: "as the publisher, run `keymuster-authority catalogue sign FILE.toml`; as a customer, tell the \
                 publisher and try later",
    }

    ISSUER_EXPIRED: 309 "issuer-expired" Failure 503 {
        sentence: "the authority's issuer certificate does not allow signing at this time",
        cause: "the issuer was not renewed with the root key in time",
        cause: "the authority's clock is wrong",
        check: "as the publisher, run `keymuster inspect FILE` on `issuer.cert` in the data directory: it shows until \
                when the issuer may sign",
        check: "make sure that the authority's date is right",
        remedy: "as the publisher, run `keymuster-authority issuer renew` with the root key and start the authority \
                 again; as a customer, tell the publisher and try later: what was signed before stays valid",
    }
}
