//! What all commands share: where the store is, and which of its products is meant.

use std::path::PathBuf;

use clap::Args;
use keymuster_client::{Client, HostAddress, Product, SettingScope, Settings};

use crate::failure::Failure;

/// Options that hold for every command.
#[derive(Debug, Args)]
pub struct Machine {
    /// The directory in which the products of this machine keep their licences; without it, what KEYMUSTER_STORE says.
    #[arg(long, global = true, value_name = "DIR")]
    store: Option<PathBuf>,
    /// The publisher of the product that is meant, where there are several.
    #[arg(long, global = true, value_name = "NAME")]
    publisher: Option<String>,
    /// The edition that is meant, where there are several.
    #[arg(long, global = true, value_name = "NAME")]
    edition: Option<String>,
    /// The host to ask, as `HOST` or `HOST:PORT`, instead of searching for one; without it, what
    /// KEYMUSTER_HOST says.
    #[arg(long, global = true, value_name = "HOST")]
    host: Option<String>,
    /// Print the result as JSON, an error too.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Machine {
    /// The settings of the environment, changed by the options.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = Settings::from_environment()?;
        if let Some(store) = &self.store {
            settings.store = store.clone();
        }
        if let Some(host) = &self.host {
            settings.host = Some(host.parse::<HostAddress>()?);
        }
        Ok(settings)
    }

    /// The options as words of a command line; those that name a product only where `command` does not name one itself.
    pub fn words(&self, command: &[String]) -> Vec<String> {
        let names_product = command.iter().any(|word| word == "--publisher");
        let store = self.store.as_ref().map(|store| store.display().to_string());
        let options = [
            ("--store", store.as_ref()),
            ("--publisher", self.publisher.as_ref().filter(|_| !names_product)),
            ("--edition", self.edition.as_ref().filter(|_| !names_product)),
            ("--host", self.host.as_ref()),
        ];
        let given = options.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?.clone()]));
        given.flatten().collect()
    }

    /// Refuses the options that a list of machines has columns for: they would say the same of all of them.
    pub fn refuse_beside_list(&self) -> Result<(), Failure> {
        let options = [
            ("store", self.store.is_some()),
            ("publisher", self.publisher.is_some()),
            ("edition", self.edition.is_some()),
            ("host", self.host.is_some()),
        ];
        match options.iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => {
                let message = format!("--{name} cannot be used with a list of machines");
                Err(Failure::usage(message, format!("write it into the list, in a column {name}")))
            }
            None => Ok(()),
        }
    }

    /// The products that the options allow; at least one.
    pub fn products(&self) -> Result<Vec<Product>, Failure> {
        let store = self.settings()?.store;
        let all = Product::installed(&store)?;
        let meant: Vec<Product> = all.iter().filter(|product| self.means(product)).cloned().collect();
        match (all.is_empty(), meant.is_empty()) {
            (true, _) => {
                let message = format!("no product has been used with the store {}", store.display());
                let advice = "start the product once, or run `keymuster add`; `--store` names another store";
                Err(Failure::refused(message, advice))
            }
            (false, true) => Err(Failure::usage("no product fits --publisher and --edition", list(&all))),
            (false, false) => Ok(meant),
        }
    }

    /// For what a setting is to stand, and the products for which it will count, which may be none yet.
    pub fn scope(&self) -> Result<(SettingScope, Vec<Product>), Failure> {
        if self.publisher.is_none() && self.edition.is_none() {
            return Ok((SettingScope::Machine, Product::installed(&self.settings()?.store)?));
        }
        let products = self.products()?;
        let publisher = products[0].publisher().clone();
        match (products.as_slice(), &self.edition) {
            ([product], Some(_)) => {
                Ok((SettingScope::Edition(publisher, product.edition().id.clone()), products.clone()))
            }
            (several, Some(_)) => Err(Failure::usage("several publishers have such an edition", list(several))),
            (_, None) => Ok((SettingScope::Publisher(publisher), products)),
        }
    }

    /// The client of a product.
    pub fn client_of(&self, product: &Product) -> Result<Client, Failure> {
        Ok(Client::open_with(product.clone(), self.settings()?)?)
    }

    /// The client of a product, for a command that only shows it: a re-armed installation stays as it is.
    pub fn look(&self, product: &Product) -> Result<Client, Failure> {
        Ok(Client::look(product.clone(), self.settings()?)?)
    }

    /// Where the users of the products that are meant find help, if that is the same for all.
    pub fn help_url(&self) -> Option<String> {
        let settings = self.settings().ok()?;
        let products = Product::installed(&settings.store).ok()?;
        let meant: Vec<Product> = products.iter().filter(|product| self.means(product)).cloned().collect();
        // A command line that names no product of this machine was mistyped, and its users need help all the same.
        let asked = if meant.is_empty() { products } else { meant };
        let mut pages: Vec<String> = asked
            .into_iter()
            .filter_map(|product| Client::look(product, settings.clone()).ok()?.status().help_url)
            .map(|page| page.to_string())
            .collect();
        pages.dedup();
        if pages.len() == 1 { pages.pop() } else { None }
    }

    /// The publisher that is named, if one is.
    pub fn named_publisher(&self) -> Option<&str> {
        self.publisher.as_deref()
    }

    /// The edition that is named, if one is.
    pub fn named_edition(&self) -> Option<&str> {
        self.edition.as_deref()
    }

    /// Whether an edition is named, and not only meant because there is no other.
    pub fn names_edition(&self) -> bool {
        self.edition.is_some()
    }

    /// The products that are meant, all of one publisher; at least one.
    pub fn of_one_publisher(&self) -> Result<Vec<Product>, Failure> {
        let products = self.products()?;
        match products.iter().all(|product| product.publisher() == products[0].publisher()) {
            true => Ok(products),
            false => Err(Failure::usage(
                "products of several publishers are known here; say which is meant",
                list(&products),
            )),
        }
    }

    fn means(&self, product: &Product) -> bool {
        let is = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        is(&self.publisher, product.publisher().as_str()) && is(&self.edition, product.edition().id.as_str())
    }

    /// The client of the one product that is meant.
    pub fn client(&self) -> Result<Client, Failure> {
        let products = self.products()?;
        match products.as_slice() {
            [product] => self.client_of(product),
            several => Err(Failure::usage("several products are known here; say which one is meant", list(several))),
        }
    }
}

fn list(products: &[Product]) -> String {
    let option = |product: &Product| format!("--publisher {} --edition {}", product.publisher(), product.edition().id);
    format!("add one of: {}", products.iter().map(option).collect::<Vec<_>>().join("; "))
}
