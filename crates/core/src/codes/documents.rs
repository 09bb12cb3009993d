//! 6xx: why a signed document, or what it travels in, is not accepted; the first thing wrong decides, and something else
//! carries the code.
//!
//! They are failures, not refusals: whoever holds the document says nothing about anybody's rights.

codes! {
    DOCUMENT_TOO_LARGE: 601 "document-too-large" Failure 422 {
        sentence: "the document is larger than any valid one can be",
        cause: "another file was taken for the document",
        cause: "several documents were joined into one file",
        cause: "the file is to travel as QR codes, and they do not hold as much",
        check: "run `keymuster inspect FILE`: it says what the file holds",
        check: "compare the size of the file with that of the original",
        remedy: "fetch the document again from where it was made; carry what is too large for QR codes as a file",
    }

    DOCUMENT_MALFORMED: 602 "document-malformed" Failure 422 {
        sentence: "the document or file is not built as its format demands, to the byte",
        cause: "the file was cut off or changed on its way, for example by a mail program that took it for text",
        cause: "the file is something else, for example a licence pack in the place of a trust file",
        cause: "the program that wrote the document does not follow the format",
        check: "run `keymuster inspect FILE`: it says what the file is, or what is wrong with it",
        check: "compare the size of the file with that of the original",
        remedy: "carry the file again as a binary file",
    }

    DOCUMENT_WRONG_TYPE: 603 "document-wrong-type" Failure 422 {
        sentence: "the document is of another type than the one needed here",
        cause: "request and answer, or licence pack and answer, were mixed up",
        cause: "the answer of a client's activation was brought to a host, or the reverse",
        check: "run `keymuster inspect FILE`: it names the type of each document in the file",
        remedy: "choose the file of the type that the message names",
    }

    SIGNATURE_INVALID: 604 "signature-invalid" Failure 422 {
        sentence: "the document's signature does not match its content",
        cause: "the document was changed after it was signed, by a fault on the way or on purpose",
        cause: "somebody without the signer's key tried to make a document",
        check: "run `keymuster inspect FILE`: it shows the content and the signer that it claims",
        check: "compare the file with the original at its sender",
        remedy: "fetch the document again; if it fails again, tell the signer and do not trust the way it came",
    }

    SIGNER_UNKNOWN: 605 "signer-unknown" Failure 422 {
        sentence: "the document's chain of signers does not end at a root that is trusted here",
        cause: "the document comes from a test authority and the product trusts the released root, or the reverse",
        cause: "the trust file is that of another publisher, or an old one",
        cause: "the publisher has changed its root, and this product is too old to know the new one",
        cause: "somebody tried to stand in for a host",
        check: "run `keymuster inspect FILE`: it shows by whom each document of the file claims to be signed",
        check: "run `keymuster inspect FILE` on the trust file: it shows the roots that are trusted; compare them with \
                those that the publisher announces",
        remedy: "use a document of the right authority, or a product that knows the publisher's current root",
    }

    EXPIRED: 607 "expired" Failure 422 {
        sentence: "the document's time of validity is over",
        cause: "the document was used later than it was meant to be, for example an answer file that lay about",
        cause: "an activation by a MAK was for a limited time, and that has passed",
        cause: "the clock of this machine is ahead",
        check: "run `keymuster inspect FILE`: it shows until when the document and each one above it are valid",
        check: "compare this machine's time with a clock that you trust, in UTC",
        remedy: "ask for a new document: on a host `keymuster-host activate` renews the entitlement; on a client with \
                 a MAK run `keymuster install-key`, type the whole key again, and run `keymuster activate`",
    }

    BEYOND_LIMITS: 608 "beyond-limits" Failure 422 {
        sentence: "the document grants more than its signer may grant",
        cause: "host and product have different licence packs, in which an edition is licensed in different ways",
        cause: "a document was signed before its issuer's time began, or after it had ended, by a wrong clock",
        cause: "somebody changed the program of a host or an authority to grant more",
        check: "read in the message what is beyond the limit",
        check: "run `keymuster inspect FILE`: it shows the limits of each document of the chain",
        check: "run `keymuster-host status` on the host: it shows what its keys cover, until when, and its licence \
                packs",
        remedy: "bring the host's licence pack up to date with `keymuster-host pack fetch` or `keymuster-host pack import \
                 FILE`, and let the client ask again; if it recurs, tell the publisher, with the file",
    }

    REVOKED: 609 "revoked" Failure 422 {
        sentence: "the publisher has revoked the host, issuer or customer that the document depends on",
        cause: "the host's key was lost or stolen, and the host was replaced",
        cause: "the contract was ended by the publisher",
        check: "run `keymuster inspect FILE`: it names the host, issuer and customer of the document",
        check: "run `keymuster-host status` on the host: it names each key whose entitlement does not count, and why",
        check: "as the publisher, run `keymuster-authority revocations list`: it names what was revoked, and why",
        remedy: "use another host of your company, or ask the publisher what was revoked and why",
    }

    FOR_ANOTHER_CLIENT: 610 "for-another-client" Failure 422 {
        sentence: "the lease or activation was made for the key of another client",
        cause: "the answer file of one machine was carried to another",
        cause: "the state of one machine was copied to another, or the machine has begun anew after it asked",
        check: "run `keymuster inspect FILE`: it shows the client that the document was made for",
        check: "run `keymuster status` on this machine: it shows its own client id",
        remedy: "carry each answer to the machine that asked, or make a new request on this one",
    }

    ANSWER_TO_ANOTHER_REQUEST: 611 "answer-to-another-request" Failure 422 {
        sentence: "the document does not answer a request that is waiting here",
        cause: "an older answer file was taken instead of the newest",
        cause: "a new request was made after the one that was carried away, or a key was installed since",
        cause: "no request waits: it was answered already, or it is older than 30 days",
        cause: "a recorded answer was sent again",
        check: "run `keymuster inspect FILE` on request and answer: their request ids must be equal",
        check: "compare the dates of the files",
        remedy: "bring the answer to the newest request, or make a new request and carry that away",
    }

    OLDER_THAN_HELD: 612 "older-than-held" Failure 422 {
        sentence: "a newer document of this kind is already held here",
        cause: "an older licence pack or answer file was taken by mistake",
        cause: "the host was restored from a backup, or runs twice, and has fallen behind what it granted before",
        check: "run `keymuster inspect FILE`: it shows the version of a licence pack and the sequence of a lease",
        check: "run `keymuster-host status`: it shows the version of each licence pack, and how many entries the \
                ledger has",
        remedy: "use the newest document; if a host has fallen behind, stop its second copy, or wait: clients accept \
                 it again when its ledger has passed the place that they know",
    }

    WRONG_PUBLISHER: 613 "wrong-publisher" Failure 422 {
        sentence: "the document belongs to another publisher",
        cause: "the files of two publishers were mixed up",
        cause: "the client reached a host that answered for another publisher's product",
        check: "run `keymuster inspect FILE`: it names the publisher",
        check: "run `keymuster-host status`: it lists the publishers that the host serves",
        remedy: "use the document of the product's own publisher",
    }

    FOR_ANOTHER_EDITION: 614 "for-another-edition" Failure 422 {
        sentence: "the lease or activation is for another edition than the one installed",
        cause: "the answer file of another product on the same machine was taken",
        cause: "the host's licence pack gives the edition another number than the product's",
        check: "run `keymuster inspect FILE`: it names the edition of the document by its number, and that of each \
                edition in a licence pack",
        check: "run `keymuster status`: it names the edition that is installed",
        remedy: "bring the answer that belongs to the edition, or let the client ask again",
    }

    COUNT_BELOW_THRESHOLD: 615 "count-below-threshold" Failure 422 {
        sentence: "the lease states a smaller count of clients than the publisher's threshold",
        cause: "the host works with an older licence pack, in which the threshold is lower",
        cause: "somebody changed the program of a host to grant below the threshold",
        check: "run `keymuster inspect FILE` on the product's licence pack: it shows the threshold of each edition",
        check: "run `keymuster-host status`: it shows the version of each licence pack, and the thresholds",
        remedy: "run `keymuster-host pack fetch`, or `keymuster-host pack import FILE` with the publisher's newest licence \
                 pack, on the host, and let the client ask again",
    }

    FOR_ANOTHER_HOST: 616 "for-another-host" Failure 422 {
        sentence: "the document was made for another host, or signed by another host than its entitlement names",
        cause: "the answer file of one host was carried to another",
        cause: "the host was set up anew after it asked, and has another key",
        cause: "somebody put the lease of one host and the entitlement of another together",
        check: "run `keymuster inspect FILE`: it shows the host that each document of the chain names",
        check: "run `keymuster-host status`: it shows this host's own id",
        remedy: "carry each answer to the host that asked, or ask anew with `keymuster-host activate`",
    }

    CUSTOMER_CHANGED: 617 "customer-changed" Failure 422 {
        sentence: "the entitlement belongs to another customer than the one that this machine has trusted so far",
        cause: "the machine was moved to another company, or is a guest in its network",
        cause: "the company received a new customer number, for example after a merger",
        cause: "a host of another company stands in this network",
        cause: "a token file or the settings of the machine name another customer than that of its hosts",
        check: "run `keymuster settings`: it shows the customer that is set, and by which file",
        check: "run `keymuster status`: it shows the customer of the lease that is held, and which host was tried",
        check: "ask your administrators whether the customer number has changed",
        remedy: "point the client to a host of its own company; if the customer has rightly changed, give the lease \
                 of the former one up with `keymuster remove-key`, which needs no host, and activate again",
    }

    FRAME_UNREADABLE: 618 "frame-unreadable" Failure 422 {
        sentence: "what was read is not a QR code of Keymuster, or it was changed on its way",
        cause: "the picture is blurred, too small, too dark, reflects light, or does not show the whole code with its \
                white edge",
        cause: "the picture is neither PNG nor JPEG; some phones make HEIC",
        cause: "the text of a code was wrapped, shortened or otherwise changed by the program that carried it",
        cause: "the code belongs to something else",
        check: "look at the picture at full size: the smallest squares of the code must be sharp",
        check: "count the characters of a pasted text: it is one line, begins with `KM1:` and has at most 1450",
        remedy: "take the picture again, straight from the front, near and without reflections, and save it as JPEG or \
                 PNG; send text in a file and not in the body of a message",
    }

    FRAMES_MIXED: 619 "frames-mixed" Failure 422 {
        sentence: "the QR codes belong to different files",
        cause: "pictures of an older request or response lie among the new ones",
        cause: "the codes of two machines were photographed together",
        check: "compare the eight characters behind the second colon of each code's text: they are the same in all codes \
                of one file",
        remedy: "give the pictures of one file alone",
    }

    FRAMES_MISSING: 620 "frames-missing" Failure 422 {
        sentence: "some of the QR codes that belong to the file have not been read",
        cause: "a picture was left out, or a code on one of them cannot be read",
        cause: "the window or the sheet did not show all codes",
        check: "read in the message which numbers are missing: each code says which of how many it is",
        remedy: "photograph the missing codes, and give all pictures together; where the screen is hard to photograph, \
                 write PNG files with `--request-qr-png FILE`, or at the authority with `keymuster-authority certify --out-qr-png FILE`",
    }
}
