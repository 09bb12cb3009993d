//! `keymuster-host activate`: an entitlement for each installed key, from the authority, by file or by QR codes.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use keymuster_core::bundle::Bundle;
use keymuster_core::entitlement::Entitlement;
use keymuster_core::id::Slug;
use keymuster_core::key::ProductKey;
use keymuster_core::time::Timestamp;
use keymuster_qr::Asker;
use keymuster_service::Env;

use super::pack::Brought;
use super::{choose_publisher, print};
use crate::certify::{self, Accepted};
use crate::site::Home;
use crate::store;

/// Options of `activate`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The publisher, where this host has several.
    #[arg(long)]
    publisher: Option<Slug>,
    /// The last five symbols of the host key, where several are installed and one is meant.
    #[arg(long)]
    key: Option<String>,
    /// The authority's address, instead of the one in the trust file.
    #[arg(long, value_name = "URL")]
    authority: Option<String>,
    /// Ask again for keys whose entitlement is not yet about to end. Each time uses one of the key's activations.
    #[arg(long)]
    renew: bool,
    #[command(flatten)]
    carried: Asker,
}

const AFTER_REQUEST: &str = "the request holds the whole host key: show it to the publisher and to nobody else
next: take it to the publisher, and the answer back: keymuster-host activate --response FILE, or --response-qr PICTURE
";

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let env = Env::system();
    let mut home = Home::open(data_dir, &env)?;
    let publisher = choose_publisher(&home.site, options.publisher.as_ref())?;
    if let Some(file) = options.carried.read_response()? {
        let accepted = certify::accept(&mut home, publisher, &Bundle::parse_file(&file)?, &env)?;
        return tell(&accepted, &mut home, env.now());
    }
    let keys = keys_to_activate(&mut home, publisher, options, env.now())?;
    if keys.is_empty() {
        return print("every host key is activated; to ask again and use up an activation, add --renew\n");
    }
    if options.carried.is_request() {
        let [key] = keys.as_slice() else { bail!("a request is for one host key; name it with --key LAST5") };
        let request = certify::request(&mut home, publisher, key, &env)?;
        let file = Bundle { host_request: Some(request.into()), ..Bundle::default() }.to_file();
        return print(&(options.carried.write_request(&file)?.text() + AFTER_REQUEST));
    }
    let url = options.authority.clone().or_else(|| home.site.publishers[publisher].trust.authority.clone());
    let url = url.context(
        "the trust file names no authority; name it with --authority URL, or use --request FILE or --request-qr",
    )?;
    for key in keys {
        let request = certify::request(&mut home, publisher, &key, &env)?;
        // Where standard error is gone there is nobody to tell that we wait.
        let _ = writeln!(std::io::stderr(), "asking {url} for the key that ends in {} …", key.last_five());
        let answer = certify::send(&url, &request)?;
        let accepted = certify::accept(&mut home, publisher, &answer, &env)?;
        tell(&accepted, &mut home, env.now())?;
    }
    Ok(())
}

/// The keys that lack an entitlement or are about to lose it; with `--renew` or `--key`, those that were named.
fn keys_to_activate(
    home: &mut Home,
    publisher: usize,
    options: &Options,
    now: Timestamp,
) -> anyhow::Result<Vec<ProductKey>> {
    let held = &home.site.publishers[publisher];
    let tx = home.db.transaction()?;
    let mut keys = store::host_key::of_publisher(&tx, held.number)?;
    tx.commit()?;
    if keys.is_empty() {
        bail!("no host key is installed; install one: keymuster-host install-key");
    }
    if let Some(last_five) = &options.key {
        keys.retain(|key| key.last_five().eq_ignore_ascii_case(last_five));
        if keys.is_empty() {
            bail!("no installed host key ends in {last_five}");
        }
    }
    if !options.renew {
        let is_good = |key: &ProductKey| {
            held.entitlements
                .iter()
                .any(|granted| granted.entitlement.key == key.id() && now < granted.entitlement.warn_at)
        };
        keys.retain(|key| !is_good(key));
    }
    Ok(keys)
}

/// Prints what the authority's answer has brought.
fn tell(accepted: &Accepted, home: &mut Home, now: Timestamp) -> anyhow::Result<()> {
    let note = if accepted.is_repeated { "this response was accepted before, and changes nothing: " } else { "" };
    let mut text = format!("{note}{}", granted(&accepted.entitlement));
    if let Some(taken) = &accepted.pack {
        text += &Brought::by(taken, &mut home.db, now)?.text();
    }
    if let Some(refusal) = &accepted.pack_refused {
        let code = refusal.code();
        text += &format!("the licence pack that came with it is not taken: {refusal} ({code})\n");
        text += &format!("  what to do: {}\n", code.remedy);
    }
    print(&text)
}

fn granted(entitlement: &Entitlement) -> String {
    let groups = entitlement.covers.len();
    let mut text = format!("activated for {} until {}", entitlement.customer_name, entitlement.stop_at);
    text += &format!(" ({groups} group{}", if groups == 1 { "" } else { "s" });
    for pool in &entitlement.pools {
        text += &format!(", {} seats of {}", pool.seats, pool.id);
    }
    text + ")\n"
}
