//! 1xx: what is wrong with a product key, found from the key, the catalogue and the installed keys alone.

codes! {
    KEY_WRONG_LENGTH: 101 "key-wrong-length" Failure 422 {
        sentence: "a product key has 25 symbols, and this text has more or fewer",
        cause: "a group of five was left out, or copied twice",
        cause: "the key was cut off at the end of a line in a message or a table",
        cause: "the text is something else, such as an order number or the last five symbols of a key",
        check: "count the groups: there are five of five symbols each",
        check: "compare the text with the document in which the publisher sent the key",
        remedy: "copy the whole key again; upper or lower case, dashes and blanks do not matter",
    }

    KEY_MISTYPED: 102 "key-mistyped" Failure 422 {
        sentence: "the product key is mistyped, and what was probably meant can be told",
        cause: "a symbol was misread or mistyped; keys use only BCDFGHJKMPQRTVWXY2346789",
        cause: "two neighbouring symbols changed places",
        cause: "up to three symbols were typed that no key contains, such as O, 0, I, 1, L, S or 5",
        check: "compare the place that the message names, for example group 3, symbol 2, with the original",
        check: "make sure that the original has what the message suggests: a suggestion is never applied by itself",
        remedy: "type the key again as suggested, if the original agrees",
        known_as: "0xC004F050",
        known_as: "0x80070490",
    }

    KEY_UNREADABLE: 103 "key-unreadable" Failure 422 {
        sentence: "more of the product key is wrong than can be located, so that nothing is suggested",
        cause: "whole groups changed places, or groups of two keys were mixed",
        cause: "several symbols were misread on a poor print, photograph or scan",
        cause: "the text is the key of another system: keys of Windows and Office have 25 symbols too, and do not work \
                here",
        check: "compare all five groups with the original, in their order",
        check: "look for symbols that no key contains: A, E, I, L, N, O, S, U, Z, 0, 1 and 5",
        remedy: "copy the key from its original instead of typing it, or ask the publisher to send it again",
        known_as: "0xC004F050",
    }

    KEY_UNKNOWN_VERSION: 104 "key-unknown-version" Failure 422 {
        sentence: "the product key is intact, but of a newer format or kind than this program knows",
        cause: "the publisher mints keys with a newer version of the authority than this program was made for",
        check: "run `keymuster --version` or `keymuster-host --version`, and compare with the version that the \
                publisher asks for",
        check: "try the key on a machine with the newest version of the program",
        remedy: "install the newest version of this program and enter the key again",
    }

    KEY_WRONG_PUBLISHER: 105 "key-wrong-publisher" Refusal 422 {
        sentence: "the product key was minted by another publisher",
        cause: "keys of several publishers are at hand, and this one belongs to another product",
        cause: "on a host with several publishers, `--publisher` named another one than the key's",
        cause: "the key was minted by a publisher's test authority and typed into the released product, or the reverse",
        check: "look up which publisher sent the key",
        check: "run `keymuster-host status` on the host, or `keymuster status` on the client: both name their \
                publishers",
        remedy: "enter the key where the product or host of its own publisher asks for one",
    }

    KEY_WRONG_KIND: 106 "key-wrong-kind" Refusal 422 {
        sentence: "the product key is valid, but of a kind that does not belong here",
        cause: "a host key was entered on a client: it belongs on the host alone, and clients take the public setup \
                key",
        cause: "a MAK was entered on a host: it activates clients straight at the authority",
        cause: "a setup key was entered on a host: it is public and entitles nobody to run one",
        check: "read the kind that the message names: setup key, host key or MAK",
        check: "compare it with what the machine takes: a host takes host keys, a client takes a setup key or a MAK",
        remedy: "on a host run `keymuster-host install-key` and type the host key; on a client run `keymuster \
                 install-key` and type the setup key or a MAK",
        known_as: "0xC004F035",
    }

    KEY_NOT_THIS_EDITION: 107 "key-not-this-edition" Refusal 422 {
        sentence: "the setup key or MAK belongs to another edition or product than the one installed",
        cause: "another edition was installed than the one that was bought",
        cause: "the key of a neighbouring row was copied from a list of keys",
        check: "run `keymuster status`: it names the edition that is installed",
        check: "run `keymuster inspect FILE` on a file with the key: it names the edition that the key is for",
        remedy: "enter the key of the installed edition, or install the edition that the key is for",
        known_as: "0xC004F069",
    }

    KEY_NUMBER_UNKNOWN: 108 "key-number-unknown" Refusal 422 {
        sentence: "the licence pack held here does not know the group that the host key is for",
        cause: "the key is for a product that is newer than the newest licence pack on this host",
        cause: "the publisher has minted the key and then signed a catalogue without its group",
        check: "run `keymuster-host status`: it names the version of each licence pack that the host holds",
        check: "run `keymuster inspect FILE` on the publisher's newest licence pack: it lists the groups with the \
                numbers, of which the message names one",
        remedy: "run `keymuster-host pack fetch`, or `keymuster-host pack import FILE` with the publisher's newest licence \
                 pack, then enter the key again",
    }

    KEY_ALREADY_COVERED: 109 "key-already-covered" Refusal 409 {
        sentence: "a host key that is already installed covers every group of this one",
        cause: "the installed key is of the same group, of a higher one or of a newer generation, which includes this one: \
                nothing is missing",
        cause: "the key was meant for another host, for example one with more seats",
        check: "read the last five symbols in the message: they name the installed key that covers the groups",
        check: "run `keymuster-host status`: it lists the installed keys with the groups that each covers",
        remedy: "do nothing: a group that is covered needs no key of its own, and its clients are served by the installed \
                 key; a key that was bought for its seats or limits goes on a host of its own",
        known_as: "0xC004F015",
    }

    KEY_ALREADY_INSTALLED: 110 "key-already-installed" Refusal 409 {
        sentence: "this very product key is already installed here",
        cause: "the key was entered before, by a colleague or by a script that ran twice",
        cause: "the key is installed but not activated yet, so that it seemed to be missing",
        check: "run `keymuster-host status`: it shows each key by its last five symbols, and whether it is activated",
        remedy: "do nothing if the key is activated; otherwise run `keymuster-host activate`",
    }
}
