//! An administrator's notebook, page by page: what is typed, and what the real programs answer.
//!
//! The notebook is `docs/reference/notebook.md`; `UPDATE=1` writes it anew, with what changes from run to run replaced.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod notebook;

use keymuster_scenarios::demo::AURORA;
use notebook::{Notebook, Site};

const HEAD: &str = "\
# An administrator's notebook

What is typed, and what comes back.
The verbs are those of slmgr; the names behind `#` are the commands that do the same.
A test of the project runs every line against the real programs, so this page is what they say; ids, times, keys and addresses differ from run to run and are replaced.

The site: a host with a host key of the publisher Aurora Systems, the publisher's authority, and machines with its products.
";

/// What an authority had published before its newest generation.
fn before_2026(catalogue: &str) -> String {
    let (head, blocks) = catalogue.split_once("\n[[group]]").unwrap();
    let blocks = format!("\n[[group]]{blocks}");
    let mut kept = head.to_owned();
    for block in blocks.split("\n[[").skip(1) {
        let is_newest = block.contains("-2026\"") || block.contains("render");
        if !is_newest {
            kept += &format!("\n[[{block}");
        }
    }
    kept
}

#[test]
fn the_notebook_is_what_the_programs_say() {
    let mut site = Site::new(&before_2026(AURORA));
    let mut book = Notebook::new(HEAD);
    install_and_activate(&mut site, &mut book);
    clients_and_their_state(&mut site, &mut book);
    from_a_mak_to_a_host_and_back(&mut site, &mut book);
    a_host_set_by_hand(&mut site, &mut book);
    new_products_on_an_old_host(&mut site, &mut book);
    intervals_and_help(&mut site, &mut book);
    stop_and_start(&mut site, &mut book);
    removing_keys(&mut site, &mut book);
    book.compare("docs/reference/notebook.md");
}

fn install_and_activate(site: &mut Site, book: &mut Notebook) {
    book.page("Install a host key and activate the host");
    let key = site.host_key("server-b-2023", &[]);
    book.secret("<host key>", &key);
    book.on_host(site, "slmgr -ipk", &key).says("installed the host key");
    book.on_host(site, "slmgr -ato", "").says("activated");
    book.line("# keymuster-host install-key; keymuster-host activate");

    book.page("A key that is covered already");
    let lower = site.host_key("client-2023", &[]);
    book.secret("<lower host key>", &lower);
    book.on_host(site, "slmgr -ipk", &lower).fails("KM-109").says("and all that is below it");
    book.on_host(site, "explain 0xC004F015", "").says("KM-109 key-already-covered");

    book.page("Publish the host in DNS");
    book.host(site, "set dns-target kms.muster-works.example", "").says("kms.muster-works.example");
    book.host(site, "set dns-zones muster-works.example", "").says("muster-works.example");
    book.host(site, "dns --print bind", "").says("_keymuster._tcp").says("kms.muster-works.example");
    book.on_host(site, "slmgr -sdns", "").says("nothing is published until this is set: dns-key-file");

    book.page("How the host stands");
    site.start_host();
    book.host(site, "status", "").says("0");
}

fn clients_and_their_state(site: &mut Site, book: &mut Notebook) {
    book.page("A machine, and what it shows");
    site.machine("desk-pro-2023");
    book.secret("<setup key>", &site.setup_key("desk-pro-2023"));
    book.client(site, "slmgr -dli", "").says("Initial grace period");
    let address = site.host.address.to_string();
    book.client(site, &format!("slmgr -skms {address}"), "").says("host");
    book.client(site, "slmgr -ato", "").fails("KM-201").says("1 of 25");
    site.muster(24, "desk-pro-2023");
    book.client(site, "slmgr -ato", "").says("licensed until");
    book.client(site, "slmgr -dlv", "").says("License Status: Licensed").says("Volume activation expiration");
    book.client(site, "slmgr -xpr", "").says("Volume activation will expire");
    book.client(site, "slmgr -dli all", "").says("Partial Product Key");
    book.on_host(site, "slmgr -dlv", "")
        .says("Current count")
        .says("Total requests received")
        .says("Listening on Port");
}

fn from_a_mak_to_a_host_and_back(site: &mut Site, book: &mut Notebook) {
    book.page("From a MAK to a host, and back");
    let mak = site.authority.mint_mak("desk-pro-2023", 5).unwrap();
    book.secret("<MAK>", &mak);
    book.client(site, "slmgr -ipk", &mak).says("by the MAK");
    book.client(site, "slmgr -ato", "").says("licensed for ever");
    book.client(site, "slmgr -xpr", "").says("permanently activated");
    let setup_key = site.setup_key("desk-pro-2023");
    book.client(site, &format!("slmgr -ipk {setup_key}"), "").says("by a host");
    book.client(site, "slmgr -ato", "").says("licensed until");
}

fn a_host_set_by_hand(site: &mut Site, book: &mut Notebook) {
    book.page("Force a host and a port");
    let address = site.host.address.to_string();
    book.client(site, "slmgr -ckms", "").says("host");
    book.client(site, "slmgr -skms 127.0.0.1:1", "").says("host");
    book.client(site, "slmgr -ato", "").fails("KM-503");
    book.client(site, &format!("slmgr -skms {address}"), "").says("host");
    book.client(site, "slmgr -ato", "").says("licensed until");
    book.client(site, "slmgr -ckhc", "").says("off");
    book.client(site, "slmgr -skhc", "").says("on");
    book.client(site, "settings", "").says("caching");
}

fn new_products_on_an_old_host(site: &mut Site, book: &mut Notebook) {
    book.page("A new generation on an old host");
    site.publish(&AURORA.replacen("version = 1", "version = 2", 1));
    let newer = site.host_key("server-c-2026", &[]);
    book.secret("<newer host key>", &newer);
    book.on_host(site, "slmgr -ipk", &newer).fails("KM-108").says("licence pack");
    book.on_host(site, &format!("slmgr -ilc {}", site.pack()), "").says("version 2").says("need");
    book.on_host(site, "slmgr -ipk", &newer).says("installed the host key");
    book.on_host(site, "slmgr -ato", "").says("activated");
    book.host(site, "status", "").says("2026");
}

fn intervals_and_help(site: &mut Site, book: &mut Notebook) {
    book.page("Intervals and the help page");
    book.on_host(site, "slmgr -sri 1440", "").says("renewal-interval");
    book.on_host(site, "slmgr -sai 1", "").fails("KM-422").says("15");
    book.host(site, "set help-url https://help.muster-works.example/licences", "").says("help-url");
    book.host(site, "settings", "").says("renewal-interval").says("1 day");
    book.client(site, "slmgr -ato", "").says("https://help.muster-works.example/licences");
    book.on_host(site, "slmgr -cpri", "").fails("no counterpart");
}

fn stop_and_start(site: &mut Site, book: &mut Notebook) {
    book.page("Stop and start");
    let before = site.counts();
    site.host.stop().unwrap();
    book.line("$ systemctl stop keymuster-host");
    book.client(site, "slmgr -ato", "").fails("KM-503");
    book.client(site, "expires", "").says("licensed");
    site.start_host();
    book.line("$ systemctl start keymuster-host");
    assert_eq!(site.counts(), before, "a restart forgets nobody");
    book.client(site, "slmgr -ato", "").says("licensed until");
}

fn removing_keys(site: &mut Site, book: &mut Notebook) {
    book.page("Remove keys");
    site.machine("office-standard-2023");
    book.client(site, "slmgr -upk", "").fails("nothing was removed").says("2 keys");
    book.client(site, "slmgr -upk aurora/office-standard-2023", "").says("office-standard-2023");
    book.on_host(site, "slmgr -upk", "").fails("nothing was removed");
}
