//! Catalogues: checked, signed once per version, handed out as packs.

use std::fs;

use keymuster_core::bundle::Bundle;

use crate::support::{SMALL, Site, catalogue};

#[test]
fn a_version_is_signed_once_and_only_ever_rises() {
    let site = Site::bare();
    let server = site.serve();
    let early = server.get("/v1/pack");
    assert_eq!((early.status, early.problem()["code"].as_str()), (503, Some("catalogue-missing")));
    assert!(early.header("retry-after").is_some());

    let sign = |text: &str| {
        let file = site.write("c.toml", text);
        let run = site.run(&["--json", "catalogue", "sign", &file]);
        let value: serde_json::Value = serde_json::from_str(&run.stdout).unwrap_or_default();
        (run.code, value["was_signed"].as_bool(), run.stderr)
    };
    let pack = || fs::read(site.path("c.pack")).unwrap();
    assert_eq!(sign(SMALL).1, Some(false));
    let first = pack();
    assert_eq!(sign(&format!("# A comment changes nothing.\n{SMALL}")).1, Some(true));
    assert_eq!(pack(), first);

    let changed = SMALL.replace("threshold = 25", "threshold = 20");
    let (code, _, stderr) = sign(&changed);
    assert!(code == 1 && stderr.contains("raise `version` to 2"), "{stderr}");
    assert_eq!(sign(&changed.replace("version = 1", "version = 7")).1, Some(false));
    let (code, _, stderr) = sign(SMALL);
    assert!(code == 1 && stderr.contains("version 1 is not above 7"), "{stderr}");

    let signed = Bundle::parse_file(&pack()).unwrap();
    let current = catalogue(&site, &signed);
    assert_eq!((current.version, current.edition(101).unwrap().threshold), (7, 20));
    let setup_key = |bundle: &Bundle| catalogue(&site, bundle).edition(101).unwrap().setup_key.clone();
    assert_eq!(setup_key(&signed), setup_key(&Bundle::parse_file(&first).unwrap()));
    let served = server.get("/v1/pack");
    assert_eq!((served.status, served.header("content-type")), (200, Some("application/cbor")));
    assert_eq!(Bundle::parse(&served.body).unwrap(), signed);
}

#[test]
fn a_catalogue_that_does_not_fit_the_authority_is_refused() {
    let site = Site::bare();
    for (from, to, words) in [
        (
            "publisher = \"aurora\"",
            "publisher = \"borealis\"",
            "the catalogue is of publisher borealis, this is aurora's",
        ),
        (
            "lease = \"180 days\"",
            "lease = \"181 days\"",
            "policy.lease: the issuer certificate allows leases of at most 180",
        ),
        ("graze", "graze", "small.toml:2: unknown field `graze`"),
    ] {
        let text = if from == to { format!("version = 1\n{to} = 1\n") } else { SMALL.replace(from, to) };
        let file = site.write("small.toml", text);
        for verb in ["check", "sign"] {
            let run = site.run(&["catalogue", verb, &file]);
            assert!(run.code == 1 && run.stderr.contains(words), "{verb}: {run:?}");
        }
    }
}

#[test]
fn a_catalogue_is_checked_where_there_is_no_authority() {
    let site = Site::nothing();
    let run = site.run(&["catalogue", "check", &site.write("small.toml", SMALL)]);
    assert!(run.code == 0 && run.stdout.contains("3 editions") && run.stderr.contains("no authority"), "{run:?}");
    let run = site.run(&["catalogue", "check", &site.write("bad.toml", SMALL.replace("grace", "graze"))]);
    assert!(run.code == 1 && run.stderr.contains("bad.toml:9: unknown field `graze`"), "{run:?}");
}

/// The sample catalogues of the demo, as the publishers named in them would sign them.
#[test]
fn the_sample_catalogues_can_be_signed() {
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/catalogues");
    for (publisher, editions) in [("aurora", 28), ("borealis", 4)] {
        let site = Site::nothing();
        let passphrase = site.write("passphrase", "another good passphrase");
        site.done(&["init", "--publisher", publisher, "--name", "Sample", "--passphrase-file", &passphrase]);
        let (file, out) = (format!("{samples}/{publisher}.toml"), site.path("sample.pack"));
        let signed = site.json(&["catalogue", "sign", &file, "--out", out.to_str().unwrap()]);
        assert_eq!(signed["editions"], editions);
    }
}
