//! 6xx: why a signed document is not accepted; the first thing wrong decides, and something else carries the code.
//!
//! They are failures, not refusals: whoever holds the document says nothing about anybody's rights.

codes! {
    DOCUMENT_TOO_LARGE: 601 "document-too-large" Failure 0 {
        sentence: "the document is larger than any valid one can be",
        cause: "another file was taken for the document",
        cause: "several documents were joined into one file",
        check: "run `keymuster inspect FILE`: it says what the file holds",
        check: "compare the size of the file with that of the original",
        remedy: "fetch the document again from where it was made",
    }

    DOCUMENT_MALFORMED: 602 "document-malformed" Failure 0 {
        sentence: "the document is not built as the format demands, to the byte",
        cause: "the file was cut off or changed on its way, for example by a mail program that took it for text",
        cause: "the file is something else",
        cause: "the program that wrote the document does not follow the format",
        check: "run `keymuster inspect FILE`: it names the place where reading stopped",
        check: "compare the size of the file with that of the original",
        remedy: "carry the file again as a binary file, or as its QR code",
    }

    DOCUMENT_WRONG_TYPE: 603 "document-wrong-type" Failure 0 {
        sentence: "the document is of another type than the one needed here",
        cause: "request and answer, or licence pack and entitlement, were mixed up",
        cause: "the answer of a client's activation was brought to a host, or the reverse",
        check: "run `keymuster inspect FILE`: it names the type of the document",
        remedy: "choose the file of the type that the message names",
    }

    SIGNATURE_INVALID: 604 "signature-invalid" Failure 0 {
        sentence: "the document's signature does not match its content",
        cause: "the document was changed after it was signed, by a fault on the way or on purpose",
        cause: "somebody without the signer's key tried to make a document",
        check: "run `keymuster inspect FILE`: it shows the content and the signer that it claims",
        check: "compare the file with the original at its sender",
        remedy: "fetch the document again; if it fails again, tell the signer and do not trust the way it came",
    }

    SIGNER_UNKNOWN: 605 "signer-unknown" Failure 0 {
        sentence: "the document's chain of signers does not end at a root that is trusted here",
        cause: "the document comes from a test authority and the product trusts the released root, or the reverse",
        cause: "the publisher has changed its root, and this product is too old to know the new one",
        cause: "somebody tried to stand in for a host",
        check: "run `keymuster inspect FILE`: it shows the chain up to its root",
        check: "compare the root with the one that the publisher announces",
        remedy: "use a document of the right authority, or a product that knows the publisher's current root",
    }

    EXPIRED: 607 "expired" Failure 0 {
        sentence: "the document's time of validity is over",
        cause: "the document was used later than it was meant to be, for example an answer file that lay about",
        cause: "the clock of this machine is ahead",
        cause: "a certificate above it in the chain ended earlier than the document itself",
        check: "run `keymuster inspect FILE`: it shows until when each link of the chain is valid",
        check: "compare this machine's time with a clock that you trust, in UTC",
        remedy: "ask for a new document; on a host `keymuster-host activate` renews the entitlement",
    }

    BEYOND_LIMITS: 608 "beyond-limits" Failure 0 {
        sentence: "the document grants more than its signer may grant",
        cause: "a host's entitlement was reduced, and a lease that was made before it is presented with the new one",
        cause: "an entitlement runs longer than the issuer that signed it, or a lease longer than its entitlement",
        cause: "somebody changed the program of a host or an authority to grant more",
        check: "run `keymuster inspect FILE`: it shows the limits of each link of the chain",
        check: "run `keymuster-host status` on the host: it shows what its entitlement allows",
        remedy: "let the client ask the host again; if it recurs, tell the publisher, with the file",
    }

    REVOKED: 609 "revoked" Failure 0 {
        sentence: "the publisher has revoked the host, issuer or customer that the document depends on",
        cause: "the host's key was lost or stolen, and the host was replaced",
        cause: "the contract was ended by the publisher",
        check: "run `keymuster inspect FILE`: it names the host, issuer and customer of the document",
        check: "run `keymuster-host status` on the host: it shows whether it is on the revocation list",
        remedy: "use another host of your company, or ask the publisher what was revoked and why",
    }

    FOR_ANOTHER_CLIENT: 610 "for-another-client" Failure 0 {
        sentence: "the lease or activation was made for the key of another client",
        cause: "the answer file of one machine was carried to another",
        cause: "the state of one machine was copied to another, or the machine was rearmed after it asked",
        check: "run `keymuster inspect FILE`: it shows the client that the document was made for",
        check: "run `keymuster status` on this machine: it shows its own client id",
        remedy: "carry each answer to the machine that asked, or make a new request on this one",
    }

    ANSWER_TO_ANOTHER_REQUEST: 611 "answer-to-another-request" Failure 0 {
        sentence: "the document answers another request than the one that is waiting here",
        cause: "an older answer file was taken instead of the newest",
        cause: "a new request was made after the one that was carried away",
        cause: "a recorded answer was sent again",
        check: "run `keymuster inspect FILE` on request and answer: their request ids must be equal",
        check: "compare the dates of the files",
        remedy: "bring the answer to the newest request, or carry that request away again",
    }

    OLDER_THAN_HELD: 612 "older-than-held" Failure 0 {
        sentence: "a newer document of this kind is already held here",
        cause: "an older licence pack, revocation list or answer file was taken by mistake",
        cause: "the host was restored from a backup, or runs twice, and has fallen behind what it granted before",
        check: "run `keymuster inspect FILE`: it shows the number and the date of the document",
        check: "run `keymuster status` or `keymuster-host status`: it shows what is held",
        remedy: "use the newest document; if a host has fallen behind, stop its second copy or let it catch up by \
                 itself",
    }

    WRONG_PUBLISHER: 613 "wrong-publisher" Failure 0 {
        sentence: "the document belongs to another publisher",
        cause: "the files of two publishers were mixed up",
        cause: "the client reached a host that answered for another publisher's product",
        check: "run `keymuster inspect FILE`: it names the publisher",
        check: "run `keymuster-host status`: it lists the publishers that the host serves",
        remedy: "use the document of the product's own publisher",
    }

    FOR_ANOTHER_EDITION: 614 "for-another-edition" Failure 0 {
        sentence: "the lease or activation is for another edition than the one installed",
        cause: "the edition was changed by a new key after the request was made",
        cause: "the answer file of another product on the same machine was taken",
        check: "run `keymuster inspect FILE`: it names the edition of the document",
        check: "run `keymuster status`: it names the edition that is installed",
        remedy: "let the client ask again for the edition that is installed",
    }

    COUNT_BELOW_THRESHOLD: 615 "count-below-threshold" Failure 0 {
        sentence: "the lease states a smaller count of clients than the publisher's threshold",
        cause: "the host works with an older catalogue, in which the threshold is lower",
        cause: "somebody changed the program of a host to grant below the threshold",
        check: "run `keymuster inspect FILE`: it shows count and threshold of the lease",
        check: "run `keymuster-host status`: it shows the host's licence packs and thresholds",
        remedy: "import the publisher's newest licence pack on the host and let the client ask again",
    }

    FOR_ANOTHER_HOST: 616 "for-another-host" Failure 0 {
        sentence: "the document was made for another host, or signed by another host than its entitlement names",
        cause: "the answer file of one host was carried to another",
        cause: "the host was set up anew after it asked, and has another key",
        cause: "somebody put the lease of one host and the entitlement of another together",
        check: "run `keymuster inspect FILE`: it shows the host that each document of the chain names",
        check: "run `keymuster-host status`: it shows this host's own id",
        remedy: "carry each answer to the host that asked, or ask anew with `keymuster-host activate`",
    }

    CUSTOMER_CHANGED: 617 "customer-changed" Failure 0 {
        sentence: "the entitlement belongs to another customer than the one that this machine has trusted so far",
        cause: "the machine was moved to another company, or is a guest in its network",
        cause: "the company received a new customer number, for example after a merger",
        cause: "a host of another company stands in this network",
        check: "run `keymuster status`: it shows the customer that is trusted, and which host answered",
        check: "ask your administrators whether the customer number has changed",
        remedy: "point the client to a host of its own company; if the customer has rightly changed, rearm the client",
    }
}
