//! Which product an activation id means, and with which others it is counted.
//!
//! Microsoft publishes no list of the ids of its volume products, so names come from the estate itself: any machine prints
//! those that it knows, as CSV. Without them a product is known by how many machines it asks for.

use std::collections::HashMap;
use std::io::{self, Read};

use super::csv_file::{Rows, fields, separator};
use super::event::{guid, guid_text};
use super::text::TextReader;

/// Products that are counted together: a host counts Windows by itself and Office by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Application {
    /// Windows, clients and servers in one count.
    Windows,
    /// Office, Project and Visio.
    Office,
}

/// A product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Product {
    /// Its id, in the usual form.
    pub activation_id: String,
    /// Its name, or the kind that its threshold shows.
    pub name: String,
    /// With what it is counted.
    pub application: Application,
    /// Whether the name was given, and is no more than a kind otherwise.
    pub is_named: bool,
}

/// Names of products by their ids.
#[derive(Clone, Debug, Default)]
pub struct Products(HashMap<u128, String>);

/// A system knows some hundred products.
const PRODUCTS_MAX: usize = 100_000;
/// The threshold of Windows for clients; servers and Office have a lower one.
pub const CLIENT_MINIMUM: u32 = 25;

impl Application {
    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Application::Windows => "Windows",
            Application::Office => "Office",
        }
    }

    /// Both.
    pub const ALL: [Application; 2] = [Application::Windows, Application::Office];
}

impl Products {
    /// Reads the names from CSV with the columns `ID` and `Name`, as
    /// `Get-CimInstance SoftwareLicensingProduct | Select-Object ID,Name | Export-Csv` writes it; nothing where there are no
    /// such columns.
    pub fn read(reader: impl Read) -> io::Result<Option<Products>> {
        let mut rows = Rows::new(TextReader::new(reader)?);
        let (mut products, mut head) = (HashMap::new(), None);
        while let Some(is_whole) = rows.next()? {
            let text = rows.text();
            if !is_whole || text.trim().is_empty() || text.starts_with("#TYPE") {
                continue;
            }
            let Some((separator, id, name)) = head else {
                let separator = separator(&text);
                let names = fields(&text, separator);
                let place = |wanted: &[&str]| {
                    names.iter().position(|name| wanted.iter().any(|wanted| name.trim().eq_ignore_ascii_case(wanted)))
                };
                let (Some(id), Some(name)) = (place(&["ID", "ActivationID", "Activation ID"]), place(&["Name"])) else {
                    return Ok(None);
                };
                head = Some((separator, id, name));
                continue;
            };
            let fields = fields(&text, separator);
            if let (Some(id), Some(name)) = (fields.get(id).and_then(|id| guid(id.trim())), fields.get(name))
                && products.len() < PRODUCTS_MAX
                && !name.trim().is_empty()
            {
                products.insert(id, name.trim().chars().filter(|c| !c.is_control()).take(200).collect());
            }
        }
        Ok(head.map(|_| Products(products)))
    }

    /// The product of an id that asks for so many machines.
    pub fn product(&self, id: u128, minimum: u32) -> Product {
        let known = self.0.get(&id);
        let name = known.cloned().unwrap_or_else(|| {
            let kind = if minimum >= CLIENT_MINIMUM { "Windows for clients" } else { "Windows Server or Office" };
            kind.to_owned()
        });
        let application = self.application(id);
        Product { activation_id: guid_text(id), name, application, is_named: known.is_some() }
    }

    /// With what a product is counted; what has no name is taken for Windows.
    pub fn application(&self, id: u128) -> Application {
        match self.0.get(&id) {
            Some(name) if name.starts_with("Office") || name.starts_with("Microsoft Office") => Application::Office,
            _ => Application::Windows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_estate() {
        let text = "#TYPE Selected.CimInstance\r\n\"ID\",\"Name\"\r\n\
                    \"68531fb9-5511-4989-97be-d11a0f55633f\",\"Windows Server(R), ServerStandard edition\"\r\n\
                    \"11111111-5511-4989-97be-d11a0f55633f\",\"Office 21, Office21ProPlus edition\"\r\n\"x\",\"y\"\r\n";
        let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        for bytes in [text.as_bytes(), &utf16] {
            let products = Products::read(bytes).unwrap().unwrap();
            let server = products.product(guid("68531fb9-5511-4989-97be-d11a0f55633f").unwrap(), 5);
            assert_eq!((server.name.as_str(), server.is_named), ("Windows Server(R), ServerStandard edition", true));
            let office = guid("11111111-5511-4989-97be-d11a0f55633f").unwrap();
            assert_eq!(products.application(office), Application::Office);
        }
        assert!(Products::read(&b"a,b\n1,2\n"[..]).unwrap().is_none());
    }

    #[test]
    fn without_names_the_threshold_says_the_kind() {
        let none = Products::default();
        assert_eq!(
            [25, 5].map(|minimum| none.product(1, minimum).name),
            ["Windows for clients", "Windows Server or Office"]
        );
    }
}
