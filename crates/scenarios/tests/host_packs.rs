//! Licence packs and host keys on a host with its publishers, all by the real programs.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::path::{Path, PathBuf};
use std::process::Output;

use keymuster_client::{Client, State};
use keymuster_host::store;
use keymuster_scenarios::demo::{AURORA, BOREALIS};
use keymuster_scenarios::estate::{Authority, Host};
use keymuster_scenarios::programs;
use rusqlite::Connection;
use tempfile::TempDir;

/// Groups and editions that a newer catalogue of aurora adds: one that the keys of 2026 cover, and one of a new generation.
const MORE: &str = r#"
[[group]]
number = 305
id = "kiosk-2026"
name = "Aurora Kiosk 2026"
family = "os"
rank = 0
generation = 2026

[[edition]]
number = 3010
id = "kiosk-2026"
name = "Aurora Kiosk 2026"
group = "kiosk-2026"
threshold = 5

[[group]]
number = 500
id = "client-2029"
name = "Aurora Desk 2029"
family = "os"
rank = 0
generation = 2029

[[edition]]
number = 5001
id = "desk-pro-2029"
name = "Aurora Desk Pro 2029"
group = "client-2029"
threshold = 25
"#;

struct Place {
    directory: TempDir,
    aurora: Authority,
    host: Host,
}

impl Place {
    fn new() -> Place {
        let directory = tempfile::tempdir().unwrap();
        let (aurora, _) = Authority::start(directory.path(), "aurora", "Aurora Systems", AURORA, 0).unwrap();
        let host = Host::new(directory.path(), 0).unwrap();
        host.add_publisher(directory.path(), "aurora").unwrap();
        Place { directory, aurora, host }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn data_dir(&self) -> PathBuf {
        self.directory.path().join("host")
    }

    /// Signs a catalogue as version `version`, and returns the pack's path.
    fn sign(&self, version: u32, catalogue: &str) -> String {
        let source = self.path("next.toml");
        std::fs::write(&source, catalogue.replace("version = 1\n", &format!("version = {version}\n"))).unwrap();
        let pack = self.path(&format!("aurora-{version}.pack"));
        self.aurora.run(&["catalogue", "sign", &source, "--out", &pack]).unwrap();
        pack
    }

    fn newer(&self) -> String {
        self.sign(2, &(AURORA.to_owned() + MORE))
    }

    /// Installs a key of a group of an authority, and returns the key.
    fn install(&self, authority: &Authority, group: &str) -> String {
        let key = authority.mint_host_key(group, &[]).unwrap();
        self.says(&["install-key", "--publisher", &authority.publisher], &key, &["installed the host key"]);
        key
    }

    fn activate(&self, publisher: &str) {
        self.says(&["activate", "--publisher", publisher], "", &["activated for Muster Works until"]);
    }

    fn finish(&self, arguments: &[&str], input: &str) -> Output {
        finish(&self.data_dir(), arguments, input)
    }

    /// A command that does what it should; what it prints, in which all of `expected` stand.
    fn says(&self, arguments: &[&str], input: &str, expected: &[&str]) -> String {
        let output = self.finish(arguments, input);
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {out}{err}");
        for part in expected {
            assert!(out.contains(part), "{part:?} is missing in:\n{out}");
        }
        let is_narrow = || out.lines().all(|line| line.chars().count() <= 100);
        assert!(arguments[0] != "pack" || is_narrow(), "too wide:\n{out}");
        out
    }

    /// A command that a rule refuses; what it says on standard error, in which all of `expected` stand.
    fn refuses(&self, arguments: &[&str], input: &str, expected: &[&str]) -> String {
        let output = self.finish(arguments, input);
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {err}");
        for part in expected {
            assert!(err.contains(part), "{part:?} is missing in:\n{err}");
        }
        err
    }

    fn client(&self, authority: &Authority, name: &str, edition: &str) -> Client {
        let store = self.directory.path().join("machines").join(name);
        self.host.client(&store, authority.product(edition).unwrap()).unwrap()
    }

    /// How many machines out of `number` get a lease.
    fn activated(&self, authority: &Authority, edition: &str, number: usize) -> usize {
        let machine = |n| self.client(authority, &format!("{edition}-{n}"), edition);
        (0..number).filter(|n| machine(*n).activate().is_ok()).count()
    }

    fn status(&self) -> serde_json::Value {
        serde_json::from_str(&self.says(&["status", "--json"], "", &[])).unwrap()
    }

    /// What a table of the host's database holds, of which the columns are named.
    fn read(&self, sql: &str) -> Vec<String> {
        let db = keymuster_service::database::open_read_only(&self.data_dir().join(store::FILE_NAME)).unwrap();
        let mut statement = db.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }
}

fn finish(data_dir: &Path, arguments: &[&str], input: &str) -> Output {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut command = programs::command("keymuster-host").unwrap();
    command.arg("--data-dir").arg(data_dir).args(arguments);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    // A program that needs no input may have ended already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// The publisher of this name in what `status --json` says.
fn of<'s>(status: &'s serde_json::Value, publisher: &str) -> &'s serde_json::Value {
    let publishers = status["publishers"].as_array().unwrap();
    publishers.iter().find(|found| found["id"] == publisher).unwrap()
}

#[test]
fn a_newer_pack_says_which_key_covers_what_is_new_and_what_needs_one() {
    let place = Place::new();
    let key = place.install(&place.aurora, "server-c-2026");
    place.activate("aurora");
    let pack = place.newer();
    let covered = format!("new, and covered by the key that ends in {}: Aurora Kiosk 2026\n", &key[24..]);
    place.says(
        &["pack", "import", &pack],
        "",
        &[
            "Aurora Systems (aurora), licence pack version 2: replaces version 1\n",
            "new groups: Aurora Kiosk 2026, Aurora Desk 2029\n",
            &covered,
            "new, and needs a key of Aurora Desk 2029 or above: Aurora Desk Pro 2029\n",
            "needs a key of Aurora Desk 2029 or above: Aurora Desk Pro 2029\n",
            "needs a key: Aurora Office 2020, Aurora Office 2023, Aurora Office 2026\n  \
             one of Aurora Office 2026 covers all of these\n",
            "needs a key of Aurora Render 2026 or above with seats: Aurora Render Farm\n",
            "next: for those, install a further key: keymuster-host install-key --publisher aurora\n",
        ],
    );
    place.says(&["pack", "import", &pack], "", &["licence pack version 2: this host holds it already\n"]);
    place.says(&["pack", "list"], "", &["aurora), licence pack version 2 of 20", "30 editions in 18 groups"]);
    let listed = place.says(&["pack", "list", "--json"], "", &[]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&listed).unwrap()[0]["version"], 2);
    let acts = place.read("SELECT act FROM audit ORDER BY sequence");
    assert_eq!(acts, ["publisher added", "key installed", "host activated", "licence pack replaced"]);

    let (old, trust) = (place.path("aurora.pack"), place.path("aurora.trust"));
    for arguments in [&["pack", "import", &old][..], &["add-publisher", "--trust", &trust, "--pack", &old]] {
        place.refuses(arguments, "", &["has version 1, this host holds 2", "KM-612 older-than-held"]);
    }
    let without = place.sign(3, AURORA);
    place.says(
        &["pack", "import", &without, "--json"],
        "",
        &["\"gone_editions\": [\n    \"Aurora Kiosk 2026\",\n    \"Aurora Desk Pro 2029\"\n  ]"],
    );
}

#[test]
fn a_key_of_a_newer_group_waits_for_its_licence_pack() {
    let place = Place::new();
    place.newer();
    let key = place.aurora.mint_host_key("client-2029", &[]).unwrap();
    let unknown = [
        "the key is for number 500, which is not in the licence pack held, version 1",
        "KM-108 key-number-unknown",
        "keymuster-host pack fetch",
        "keymuster-host pack import FILE",
    ];
    place.refuses(&["install-key"], &key, &unknown);
    place.says(&["pack", "fetch"], "", &["licence pack version 2: replaces version 1", "next: install a host key"]);
    place.says(&["pack", "fetch"], "", &["licence pack version 2: this host holds it already"]);
    place.says(&["install-key"], &key, &["for Aurora Desk 2029\n"]);
}

#[test]
fn a_key_for_what_is_covered_already_names_the_key_that_covers_it() {
    let place = Place::new();
    let installed = place.install(&place.aurora, "server-b-2026");
    let narrower = place.aurora.mint_host_key("client-2020", &[]).unwrap();
    let said = place.refuses(
        &["install-key"],
        &narrower,
        &[
            &format!(
                "the installed key that ends in {} (Aurora Server B 2026) covers Aurora Desk 2020 and all",
                &installed[24..]
            ),
            "KM-109 key-already-covered",
            "what to do: do nothing: a group that is covered needs no key of its own",
        ],
    );
    assert!(!said.contains(&narrower[..20]), "{said}");
}

#[test]
fn a_pack_that_needs_a_newer_host_is_refused_and_what_is_held_goes_on() {
    let place = Place::new();
    let source = AURORA.replace("host_min = \"0.1.0\"", "host_min = \"1.x\"");
    std::fs::write(place.path("wrong.toml"), source).unwrap();
    for command in [&["catalogue", "check"][..], &["catalogue", "sign", "--out", "/dev/null"]] {
        let wrong = place.aurora.run(&[command, &[&place.path("wrong.toml")]].concat()).unwrap_err().to_string();
        assert!(wrong.contains("wrong.toml:9: \"1.x\": expected a version"), "{wrong}");
    }

    let pack = place.sign(2, &AURORA.replace("host_min = \"0.1.0\"", "host_min = \"99.1\""));
    let too_old = "the licence pack needs version 99.1 of the host program, and this is 0.";
    let expected = [too_old, "KM-421 host-too-old", "upgrade the host program"];
    place.refuses(&["pack", "import", &pack], "", &expected);
    place.refuses(&["add-publisher", "--trust", &place.path("aurora.trust"), "--pack", &pack], "", &expected);
    place.refuses(&["pack", "fetch"], "", &expected);
    let elsewhere = place.directory.path().join("another host");
    let new = finish(&elsewhere, &["pack", "import", &pack, "--trust", &place.path("aurora.trust")], "");
    assert_eq!(new.status.code(), Some(1), "a host that never knew the publisher");

    place.install(&place.aurora, "server-c-2026");
    let said = place.says(&["activate"], "", &["activated for Muster Works until", "(KM-421 host-too-old)", too_old]);
    assert!(!said.contains("replaces version"), "{said}");
    assert_eq!(of(&place.status(), "aurora")["catalogue_version"], 1);
    place.says(&["pack", "list"], "", &["licence pack version 1 of", "needs host version 0.1.0, this is 0."]);
}

#[test]
fn an_answer_of_the_authority_brings_its_newest_pack() {
    let place = Place::new();
    place.newer();
    let key = place.install(&place.aurora, "server-c-2026");
    let covered = format!("new, and covered by the key that ends in {}: Aurora Kiosk 2026\n", &key[24..]);
    place.says(&["activate"], "", &["activated for", "licence pack version 2: replaces version 1", &covered]);
}

#[test]
fn a_pack_finds_its_publisher_or_needs_a_trust_file() {
    let place = Place::new();
    let (_borealis, _) =
        Authority::start(place.directory.path(), "borealis", "Borealis Instruments", BOREALIS, 0).unwrap();
    let (pack, trust) = (place.path("borealis.pack"), place.path("borealis.trust"));
    let import = ["pack", "import", &pack];
    place.refuses(
        &import,
        "",
        &["of no publisher that this host knows: name its trust file with --trust", "signer-unknown"],
    );
    let another = place.path("aurora.trust");
    place.refuses(
        &[&import[..], &["--trust", &another]].concat(),
        "",
        &["the licence pack does not verify", "signer-unknown"],
    );
    place.refuses(&["pack", "import", &trust], "", &["cannot use", "document-malformed"]);
    let right = [&import[..], &["--trust", &trust]].concat();
    place.says(&right, "", &["the publisher is added, with 4 editions", "install-key --publisher borealis"]);
    place.says(&import, "", &["Borealis Instruments (borealis)", "holds it already"]);
}

#[test]
fn publishers_on_one_host_are_strangers_to_each_other() {
    let mut place = Place::new();
    let root = place.directory.path().to_owned();
    let (borealis, _) = Authority::start(&root, "borealis", "Borealis Instruments", BOREALIS, 0).unwrap();
    place.host.add_publisher(&root, "borealis").unwrap();
    let key = place.install(&borealis, "lab-server-2025");
    place.activate("borealis");
    place.host.start().unwrap();

    // Both have a family with the number 1, and neither counts the other's machines.
    assert_eq!(place.activated(&borealis, "lab-server-2025", 3), 2);
    assert_eq!(place.activated(&place.aurora, "server-standard-2026", 5), 0, "aurora has no key here");
    place.refuses(&["install-key", "--publisher", "aurora"], &key, &["KM-105 key-wrong-publisher"]);
    let servers = place.install(&place.aurora, "server-c-2026");
    place.activate("aurora");
    assert_eq!(place.activated(&place.aurora, "server-standard-2026", 4), 0, "the count begins at nought");
    assert_eq!(place.activated(&place.aurora, "server-standard-2026", 5), 5 - 4, "the fifth completes it");
    let status = place.status();
    assert_eq!(of(&status, "borealis")["families"][0]["count"], 3);
    assert_eq!(of(&status, "aurora")["families"][0]["count"], 5);

    place.newer();
    place.says(&["pack", "fetch", "--publisher", "aurora"], "", &["replaces version 1"]);
    let status = place.status();
    let versions = ["aurora", "borealis"].map(|publisher| of(&status, publisher)["catalogue_version"].clone());
    assert_eq!(versions, [2, 1]);

    place.says(&["set", "renewal-interval", "3d", "--publisher", "aurora"], "", &[]);
    let status = place.status();
    let renewals = ["aurora", "borealis"].map(|publisher| of(&status, publisher)["renewal"]["secs"].clone());
    assert_eq!(renewals, [3 * 86_400, 7 * 86_400], "a setting is of one publisher");

    let other = ["remove-key", &servers[24..], "--publisher", "borealis"];
    let output = place.finish(&other, "");
    assert_eq!(output.status.code(), Some(3), "the key is not borealis'");
    place.says(&["remove-key", &servers[24..], "--publisher", "aurora"], "", &["removed 1 host key"]);
    let refused = place.client(&place.aurora, "server-standard-2026-4", "server-standard-2026").renew().unwrap_err();
    assert_eq!(refused.code().name, "host-not-activated");
    let client = place.client(&borealis, "lab-server-2025-1", "lab-server-2025");
    assert!(matches!(client.renew().unwrap().state, State::Licensed { .. }), "borealis goes on");
}

/// All bytes of the files in a data directory.
fn contents(data_dir: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(data_dir).unwrap();
    files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

/// What the files of a host hold of a key while it is installed: the key itself, and its request, which carries the key and
/// is kept as Base64, in the pieces that no other request has.
fn traces(place: &Place, key: &str) -> Vec<String> {
    let requests = place.read("SELECT request FROM entitlement ORDER BY key_id");
    let id = place.read(&format!("SELECT key_id FROM host_key WHERE product_key = '{key}'"));
    let own = place.read(&format!("SELECT request FROM entitlement WHERE key_id = '{}'", id[0]));
    let chars: Vec<char> = own[0].chars().collect();
    let pieces = chars.chunks_exact(24).map(|piece| piece.iter().collect::<String>());
    let is_own = |piece: &String| requests.iter().filter(|request| request.contains(piece)).count() == 1;
    let traces: Vec<String> = [key.to_owned()].into_iter().chain(pieces.filter(is_own)).collect();
    assert!(traces.len() > 5, "{traces:?}");
    traces
}

#[test]
fn a_key_that_is_removed_is_gone_from_the_files_and_leases_run_on() {
    let mut place = Place::new();
    // More keys than one page of the database holds, so that rows are moved about.
    let groups =
        ["client-2020", "client-2023", "server-a-2023", "client-2026", "server-b-2026", "office-2020", "office-2023"];
    let keys: Vec<String> = groups.iter().map(|group| place.install(&place.aurora, group)).collect();
    place.activate("aurora");
    place.host.start().unwrap();
    assert_eq!(place.activated(&place.aurora, "server-standard-2026", 5), 1);
    let client = place.client(&place.aurora, "server-standard-2026-4", "server-standard-2026");
    let before = contents(&place.data_dir());
    let traces: Vec<Vec<String>> = keys.iter().map(|key| traces(&place, key)).collect();
    assert!(traces.iter().flatten().all(|trace| contains(&before, trace)), "this is what the files hold before");

    let (server, others) = (&keys[4], [&keys[..4], &keys[5..]].concat());
    place.says(
        &["remove-key", &server[24..].to_lowercase()],
        "",
        &[
            &format!("removed 1 host key with what was granted for it: …{}\n", &server[24..]),
            "leases that clients hold run on to their end",
            "not covered any more: Aurora Server Standard 2020, ",
        ],
    );
    let after = contents(&place.data_dir());
    for trace in &traces[4] {
        assert!(!contains(&after, trace), "{trace} is left in the files while the server runs");
    }
    assert!(others.iter().all(|key| contains(&after, key)), "the other keys are there");
    let kept: Vec<String> = place.read("SELECT product_key FROM host_key ORDER BY key_id");
    assert_eq!(kept.len(), others.len());
    assert!(place.read("SELECT key_id FROM entitlement WHERE answer IS NULL").is_empty(), "their entitlements too");

    assert_eq!(client.renew().unwrap_err().code().name, "edition-not-covered");
    assert!(matches!(client.status().state, State::Licensed { .. }), "the lease runs on");
    let act = place.read("SELECT act || ', ' || subject || ', ' || detail FROM audit ORDER BY sequence DESC LIMIT 1");
    let expected = format!("key removed, host key …{}, publisher aurora, group server-b-2026", &server[24..]);
    assert_eq!(act, [expected]);

    let missing = place.finish(&["remove-key", &server[24..]], "");
    assert!(String::from_utf8_lossy(&missing.stderr).contains("no installed host key ends in"), "{missing:?}");
    for answer in ["no\n", ""] {
        let said = place.refuses(&["remove-key"], answer, &["remove all 6 keys", "nothing was removed"]);
        assert!(!said.contains("error:"), "{said}");
    }
    assert_eq!(place.read("SELECT key_id FROM host_key").len(), 6);
    let listed = others.iter().map(|key| format!("key …{}  Aurora ", &key[24..])).collect::<Vec<_>>();
    let listed: Vec<&str> = listed.iter().map(String::as_str).chain(["removed 6 host keys"]).collect();
    place.says(&["remove-key"], "yes\n", &listed);
    place.says(&["remove-key", "--yes"], "", &["no host key is installed\n"]);
    let after = contents(&place.data_dir());
    for trace in traces.iter().flatten() {
        assert!(!contains(&after, trace), "{trace} is left in the files");
    }
    assert_eq!(client.renew().unwrap_err().code().name, "host-not-activated");
}

#[test]
fn a_reader_that_stays_is_told_to_keep_a_copy_of_the_key() {
    let place = Place::new();
    let key = place.install(&place.aurora, "server-c-2026");
    let reader = Connection::open(place.data_dir().join(store::FILE_NAME)).unwrap();
    reader.execute_batch("BEGIN; SELECT key_id FROM host_key;").unwrap();
    place.says(&["remove-key"], "", &["removed 1 host key", "a copy of the key is left in the database's log"]);
    assert!(place.read("SELECT key_id FROM host_key").is_empty(), "{key}");
}
