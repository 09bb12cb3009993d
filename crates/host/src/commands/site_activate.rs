//! `keymuster-host activate`: an entitlement for each installed key, from the authority, by file or by QR codes.

use std::io::Write as _;
use std::path::Path;

use anyhow::bail;
use keymuster_core::bundle::Bundle;
use keymuster_core::id::Slug;
use keymuster_core::key::ProductKey;
use keymuster_core::time::Timestamp;
use keymuster_qr::Asker;
use keymuster_service::Env;
use keymuster_service::console::By;

use super::{choose_publisher, pack, print};
use crate::acts::activation::{self, Activated, PackRefused};
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
        let answer = Bundle::parse_file(&file)?;
        return tell(&activation::respond(&mut home, &By::local_user(env.now()), publisher, &answer)?);
    }
    let keys = keys_to_activate(&mut home, publisher, options, env.now())?;
    if keys.is_empty() {
        return print("every host key is activated; to ask again and use up an activation, add --renew\n");
    }
    if options.carried.is_request() {
        let [key] = keys.as_slice() else { bail!("a request is for one host key; name it with --key LAST5") };
        let file = activation::request(&mut home, &By::local_user(env.now()), publisher, key, &env)?;
        return print(&(options.carried.write_request(&file)?.text() + AFTER_REQUEST));
    }
    let url = activation::authority(&home, publisher, options.authority.as_deref())?;
    keys.iter().try_for_each(|key| ask(&mut home, (publisher, key), &url, &env))
}

/// Asks the authority whose address is in the trust file for the entitlement of one key.
pub(super) fn ask_at_once(home: &mut Home, publisher: usize, key: &ProductKey, env: &Env) -> anyhow::Result<()> {
    let url = activation::authority(home, publisher, None)?;
    ask(home, (publisher, key), &url, env)
}

fn ask(home: &mut Home, key: (usize, &ProductKey), url: &str, env: &Env) -> anyhow::Result<()> {
    // Where standard error is gone there is nobody to tell that we wait.
    let _ = writeln!(std::io::stderr(), "asking {url} for the key that ends in {} …", key.1.last_five());
    tell(&activation::ask(home, &By::local_user(env.now()), key, url, env)?)
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
fn tell(activated: &Activated) -> anyhow::Result<()> {
    let note = if activated.is_repeated { "this response was accepted before, and changes nothing: " } else { "" };
    let mut text = format!("{note}{}", granted(activated));
    if let Some(brought) = &activated.pack {
        text += &pack::text(brought);
    }
    if let Some(PackRefused { detail, label, remedy, .. }) = &activated.pack_refused {
        text += &format!("the licence pack that came with it is not taken: {detail} ({label})\n");
        text += &format!("  what to do: {remedy}\n");
    }
    print(&text)
}

fn granted(activated: &Activated) -> String {
    let Activated { customer, groups, .. } = activated;
    let mut text = format!("activated for {customer} until {}", Timestamp::from_secs(activated.stop_at));
    text += &format!(" ({groups} group{}", if *groups == 1 { "" } else { "s" });
    for pool in &activated.pools {
        text += &format!(", {} seats of {}", pool.seats, pool.id);
    }
    text + ")\n"
}
