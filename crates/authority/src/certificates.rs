//! TLS of a running authority: the certificate of its publisher, read again when it changes, or one of its own.

use std::path::Path;

use keymuster_core::time::Timestamp;
use keymuster_service::Stop;
use keymuster_service::acme::{self, Line, Wanted};
use keymuster_service::edge::Greetings;
use keymuster_service::tls::{self, Files, Plain, Versions};
use tokio::sync::watch;

use crate::authority::Authority;
use crate::configuration::Tls;
use crate::data_dir::DataDir;
use crate::error::Error;

/// The certificate that is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Until when it holds.
    pub not_after: Timestamp,
    /// Whether the one that is set cannot be used or renewed.
    pub is_failing: bool,
}

/// Keeps two listeners with the certificate as its files are.
#[derive(Debug)]
pub struct Keeper {
    wishes: watch::Receiver<Tls>,
    /// The name in the authority's address.
    name: Option<String>,
    files: Files,
    orders: acme::Keeper,
    /// Where an ordered certificate is, and what is wrong with ordering it.
    line: Line,
    /// What is shown, for those who look from outside.
    shown: watch::Sender<Option<Shown>>,
    /// To hosts and clients.
    pub public: Greetings,
    /// To administrators.
    pub administrators: Greetings,
}

impl Keeper {
    /// Files that cannot be used are said at once, as there is nothing before them that could go on.
    pub fn new(wishes: watch::Receiver<Tls>, authority: &Authority, dir: &DataDir) -> Result<Keeper, Error> {
        let name = authority.trust.authority.as_deref().and_then(name_in).map(str::to_owned);
        let (orders, line) = acme::Keeper::new(dir.path(), authority.env.clone());
        let first = wishes.borrow().clone();
        line.wanted.send_replace(first.wanted(name.as_deref())?);
        let names = name.clone().into_iter().chain(["localhost", "127.0.0.1", "::1"].map(str::to_owned)).collect();
        let subject = format!("Keymuster authority {}", authority.trust.publisher);
        let own = tls::own(dir.path(), &subject, names, authority.env.now());
        let mut files = Files::new(own.map_err(|error| Error::Environment(error.to_string()))?);
        files.look(first.files(&line.file));
        if let Some(problem) = files.problem {
            return Err(Error::Environment(problem));
        }
        let (public, administrators) = (Greetings::default(), Greetings::default());
        offer(&files, &public, &administrators);
        let shown = watch::Sender::new(Some(Shown::of(&files, &line)));
        Ok(Keeper { wishes, name, files, orders, line, shown, public, administrators })
    }

    /// What is shown, now and from now on.
    pub fn shown(&self) -> watch::Receiver<Option<Shown>> {
        self.shown.subscribe()
    }

    /// Follows the files and what is configured until the stop, and orders what is to be ordered.
    pub async fn follow(self, stop: Stop) {
        let Keeper { mut wishes, name, mut files, orders, line, shown, public, administrators } = self;
        let look = async {
            while !stop.is_asked() {
                tokio::select! {
                    () = stop.asked() => {}
                    Ok(()) = wishes.changed() => order(&line, &wishes.borrow_and_update(), name.as_deref()),
                    () = tokio::time::sleep(tls::INTERVAL) => {}
                }
                if files.look(wishes.borrow().files(&line.file)) {
                    offer(&files, &public, &administrators);
                }
                shown.send_replace(Some(Shown::of(&files, &line)));
            }
        };
        tokio::join!(look, orders.run(stop.clone()));
    }
}

impl Shown {
    fn of(files: &Files, line: &Line) -> Shown {
        let is_failing = files.problem.is_some() || line.problem.borrow().is_some();
        Shown { not_after: files.certificates.shown().facts.not_after, is_failing }
    }
}

/// Whoever orders is told what to order; what cannot be is said, and what was ordered before goes on.
fn order(line: &Line, wishes: &Tls, name: Option<&str>) {
    match wishes.wanted(name) {
        Ok(wanted) => {
            line.wanted.send_if_modified(|before| std::mem::replace(before, wanted.clone()) != wanted);
        }
        Err(error) => tracing::error!(%error, "cannot order the certificate that is configured"),
    }
}

fn offer(files: &Files, public: &Greetings, administrators: &Greetings) {
    public.tls.offer(files.certificates.clone(), Versions::Newest, Plain::Served);
    administrators.tls.offer(files.certificates.clone(), Versions::Newest, Plain::FromThisMachine);
}

impl Tls {
    /// The files of certificate and key, as they are configured or ordered.
    fn files<'f>(&'f self, ordered: &'f Path) -> Option<(&'f Path, &'f Path)> {
        match self.certificate_file.as_deref() {
            Some(certificate) => Some((certificate, self.key_file.as_deref().unwrap_or(certificate))),
            None => (self.acme_directory.is_some() && ordered.exists()).then_some((ordered, ordered)),
        }
    }

    /// What is ordered for the name in the authority's address; a certificate file counts before it.
    fn wanted(&self, name: Option<&str>) -> Result<Option<Wanted>, Error> {
        let directory = self.acme_directory.clone().filter(|_| self.certificate_file.is_none());
        let Some(directory) = directory else { return Ok(None) };
        let name = name.ok_or_else(|| {
            Error::Environment(
                "acme-directory needs a name in the authority's address: init --authority-url".to_owned(),
            )
        })?;
        Ok(Some(Wanted { directory, name: name.to_owned(), listen: self.acme_listen }))
    }
}

/// The name in an authority's address, where it is one that certificates are made for.
fn name_in(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let name = rest.rsplit_once(':').map_or(rest, |(name, _)| name);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    Some(name).filter(|name| !name.is_empty() && name.chars().all(is_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_found_in_an_address() {
        for (url, expected) in [
            ("https://a.example", Some("a.example")),
            ("http://a.example:1690", Some("a.example")),
            ("http://127.0.0.1:1690", Some("127.0.0.1")),
            ("http://[::1]:1690", None),
            ("http://[::1]", None),
            ("a.example", None),
        ] {
            assert_eq!(name_in(url), expected, "{url}");
        }
    }
}
