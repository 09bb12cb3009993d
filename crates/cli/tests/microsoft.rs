//! The companion for Microsoft estates, as administrators see it: the real command, its output and its exit codes.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn outputs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../microsoft/tests/outputs")
}

/// Runs `keymuster microsoft` in the directory with the outputs, which is only read.
fn run(words: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keymuster"));
    command.arg("microsoft").args(words).current_dir(outputs());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that has refused reads no more.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn check(words: &[&str], input: &[u8], exit: i32, parts: &[&str]) -> String {
    let output = run(words, input);
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    assert_eq!(output.status.code(), Some(exit), "{words:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{words:?}: {part:?} in {said}");
    }
    said
}

#[test]
fn the_first_page_says_what_it_never_does() {
    for words in [&["--help"][..], &[][..]] {
        let exit = if words.is_empty() { 2 } else { 0 };
        let said = check(words, b"", exit, &["Usage: keymuster microsoft"]);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said.contains("never sends or answers an activation request, and holds no secret of Microsoft's"),
            "{said}"
        );
    }
}

/// Every piece of advice of the notebook is one command.
#[test]
fn each_advice_has_its_command() {
    let table: &[(&[&str], i32, &[&str])] = &[
        (&["keys"], 0, &["Windows Server 2022: Standard, Datacenter", "MAK: secret"]),
        (
            &["keys", "windows", "10", "pro"],
            0,
            &["W269N-WFGWX-YVC9B-4J6C9-T83GX", "setup key (GVLK): public", "never on the KMS host"],
        ),
        (
            &["keys", "W269N-WFGWX-YVC9B-4J6C9-T83GX"],
            0,
            &["is the public setup key of Windows 11 / Windows 10 Pro", "2025-06-25"],
        ),
        (&["keys", "w269n wfgwx yvc9b 4j6c9 t83gy"], 1, &["differs in group 5, symbol 5"]),
        (&["keys", "FKJQ8-TMCVP-FRMR7-4WR42-3JCD7"], 0, &["Microsoft's list has TT8MH-CG224-D3D7Q-498W2-9QCTX"]),
        (&["keys", "VYBBJ-TRJPB-QFQRF-QFT4D-H3GVB"], 0, &["not verified"]),
        (
            &["keys", "BBBBB-CCCCC-DDDDD-FFFFF-GGGGG"],
            0,
            &["ends in GGGGG is no public setup key", "host key (CSVLK): secret"],
        ),
        (&["keys", "AAAAA-CCCCC-DDDDD-FFFFF-GGGGG"], 1, &["none has the symbols A"]),
        (&["keys", "wndows", "vista"], 1, &["try one of: Windows Vista"]),
        (
            &["explain", "0xC004F038"],
            0,
            &["SL_E_VL_NOT_ENOUGH_COUNT", "5 for Windows Server and Office, 25 for Windows clients"],
        ),
        (&["explain", "-1073418184"], 0, &["0xC004F038 SL_E_VL_NOT_ENOUGH_COUNT"]),
        (&["explain", "3221549112"], 0, &["0xC004F038 SL_E_VL_NOT_ENOUGH_COUNT"]),
        (&["explain", "sl_e_vl_not_enough_count"], 0, &["0xC004F038"]),
        (&["explain", "0xC004F074"], 0, &["paste that line here"]),
        (&["explain", "0xC004F074, event 12288: 0x8007232B"], 0, &["the reason is 0x8007232B"]),
        (&["explain", "0xC004F30C"], 0, &["only its name is public", "slmgr /ltc"]),
        (&["explain", "0x800706D9"], 0, &["net helpmsg 1753"]),
        (&["explain", "SL_E_VL_NOT_ENUOGH_COUNT"], 1, &["the nearest are 0xC004F038 SL_E_VL_NOT_ENOUGH_COUNT"]),
        (&["status", "client.txt"], 0, &["All is well", "DNS named the host kms.example.com:1688"]),
        (&["status", "host.txt"], 1, &["counted 22", "short by 3"]),
        (&["status", "client.txt", "client-de.txt"], 4, &["stands in 2 outputs", "slmgr /rearm"]),
        (&["status", "retail.txt"], 4, &["never asks a KMS host", "slmgr /ipk FJ82H-"]),
        (&["status", "no-such-file"], 3, &["cannot use no-such-file"]),
        (
            &["convert", "--to", "kms", "windows", "10", "pro", "--kms", "kms.example"],
            0,
            &["/ipk W269N-", "/skms kms.example:1688", "/upk` without"],
        ),
        (
            &["convert", "--to", "mak", "windows", "10", "pro"],
            0,
            &["%MAK_WINDOWS_11_WINDOWS_10_PRO%", "$env:MAK_WINDOWS", "/upk` without"],
        ),
        (&["convert", "--to", "kms", "office", "standard", "2019"], 0, &["/inpkey:6NWWJ-", "ospp.vbs /remhst"]),
        (&["convert", "--to", "kms", "windows", "7"], 1, &["may be several editions", "Windows 7 Professional"]),
        (&["convert", "--to", "kms", "windows 10 pro", "--kms", "a;b"], 2, &["is not a host"]),
        (&["convert", "--to", "kms"], 2, &["required"]),
        (
            &["plan", "Windows 11=120", "Windows Server 2022=8"],
            0,
            &["host key: Windows Server 2022", "128 machines ask, 25 are needed"],
        ),
        (&["plan", "Windows 10=15"], 0, &["10 are missing", "MAK"]),
        (&["plan", "Office 2010=10", "--on", "Windows Server 2008"], 1, &["not supported on Windows Server 2008"]),
        (&["plan", "Windows 12=3"], 1, &["is not known; like it: Windows 1"]),
    ];
    for (words, exit, parts) in table {
        check(words, b"", *exit, parts);
    }
}

#[test]
fn the_notebook_is_reproduced_with_a_verdict_on_each_key() {
    let said = check(&["keys", "--notebook"], b"", 0, &[]);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/notebook-keys.md");
    let page = fs::read_to_string(page).unwrap();
    assert!(page.ends_with(&said), "the page and the command differ: {said}");
    let count = |verdict: &str| said.lines().filter(|line| line.contains(verdict)).count();
    assert_eq!((count("| correct |"), count("| differs: "), count("| not verified: ")), (22, 1, 1));
}

#[test]
fn standard_input_is_taken_in_any_encoding() {
    let german = fs::read_to_string(outputs().join("client-de.txt")).unwrap();
    let wide: Vec<u8> = german.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin: Vec<u8> = german.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    for input in [
        german.as_bytes(),
        &[b"\xef\xbb\xbf", german.as_bytes()].concat(),
        &[b"\xff\xfe", wide.as_slice()].concat(),
        &latin,
    ] {
        check(&["status"], input, 1, &["licensed, 14 days left", "named by hand"]);
    }
    check(&["explain"], b"Fehler: 0xC004F074\r\n", 0, &["SL_E_VL_BINDING_SERVICE_UNAVAILABLE"]);
    check(&["keys", "-"], b"BBBBB-CCCCC-DDDDD-FFFFF-GGGGG\n", 0, &["ends in GGGGG"]);
}

#[test]
fn machines_see_the_same() {
    let json = |words: &[&str]| -> Value { serde_json::from_slice(&run(words, b"").stdout).unwrap() };
    assert_eq!(json(&["--json", "keys", "windows", "10", "pro"])["keys"][0]["key"], "W269N-WFGWX-YVC9B-4J6C9-T83GX");
    assert_eq!(json(&["--json", "explain", "0xC004F074 0xC004F06C"])["codes"][0]["code"], "0xC004F06C");
    assert_eq!(json(&["--json", "status", "host.txt"])["products"][0]["serving"]["count"], 22);
    assert_eq!(json(&["--json", "plan", "Windows 10=15"])["thresholds"][0]["reached"], false);
    assert_eq!(json(&["--json", "keys", "--notebook"]).as_array().unwrap().len(), 24);
    assert!(
        json(&["--json", "convert", "--to", "kms", "windows 10 pro"])["tools"][0]["steps"][1]["command"]
            .as_str()
            .unwrap()
            .ends_with("T83GX")
    );
    assert_eq!(json(&["--json", "explain", "nothing"])["error"]["code"], Value::Null);
}

#[test]
fn scripts_are_written_where_they_were_asked_for_and_nowhere_else() {
    let place = tempfile::tempdir().unwrap();
    let list = place.path().join("list.csv");
    fs::write(&list, "machine;product\npc-1;windows 10 pro\nsrv.example;windows server 2022 standard\n").unwrap();
    let (list, out, script) = (list.to_str().unwrap(), place.path().join("out"), place.path().join("all.ps1"));
    let words = ["convert", "--to", "kms", "--from", list, "--out", out.to_str().unwrap()];
    check(&words, b"", 0, &["2 scripts are in"]);
    let mut names: Vec<String> =
        fs::read_dir(&out).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["pc-1.cmd", "srv.example.cmd"]);
    assert!(fs::read_to_string(out.join("pc-1.cmd")).unwrap().contains("/ipk W269N-"));
    check(&words, b"", 3, &["File exists"]);
    let words = ["convert", "--to", "mak", "--from", list, "--script", script.to_str().unwrap()];
    check(&words, b"", 0, &["The script for 2 machines"]);
    assert!(fs::read_to_string(&script).unwrap().contains("'pc-1' {"));
    fs::write(list, "machine,product\n../x,windows 10 pro\npc,os/2\n").unwrap();
    check(
        &["convert", "--to", "kms", "--from", list],
        b"",
        2,
        &["line 2: machine", "line 3: there is no setup key", "nothing was written"],
    );
}

#[test]
fn hostile_input_ends_in_a_message_and_an_exit_code() {
    let german = fs::read(outputs().join("client-de.txt")).unwrap();
    let long = vec![b'a'; 9 << 20];
    let wide: Vec<u8> = "x".repeat(1 << 20).encode_utf16().flat_map(u16::to_be_bytes).collect();
    let table: [(&[u8], &str); 6] = [
        (b"", ""),
        (&long, "longer than 8 MiB"),
        (b"ElfFile\0\0\0\0\0\0\x01\x02\x03", "is not text"),
        (&wide, ""),
        (b"{\"Name\": [[[[", ""),
        (b"\xff\xfe\x00\xd8", ""),
    ];
    for (input, message) in table {
        for words in [&["status"][..], &["explain"], &["convert", "--to", "kms", "--from", "-"], &["keys", "-"]] {
            let output = run(words, input);
            let said = String::from_utf8(output.stderr).unwrap();
            let is_list_of_keys = words == ["keys", "-"] && input.is_empty();
            let expected = [1, 2, 5].contains(&output.status.code().unwrap()) || is_list_of_keys;
            assert!(
                expected && !said.contains("panicked") && said.contains(message) && said.len() < 4096,
                "{words:?}: {said}"
            );
        }
    }
    for end in [1, 50, 300, 700, 1100] {
        let output = run(&["status"], &german[..end]);
        assert!([0, 1, 4, 5].contains(&output.status.code().unwrap()), "{output:?}");
    }
    for place in (0..german.len()).step_by(97) {
        let mut damaged = german.clone();
        damaged[place] ^= 0x40;
        let output = run(&["status"], &damaged);
        assert!([0, 1, 4, 5].contains(&output.status.code().unwrap()), "{output:?}");
    }
}
