//! One request of a client that exists for this moment alone, and the host's report, verified as a client would.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use keymuster_core::bundle::{self, Bundle};
use keymuster_core::catalogue::Edition;
use keymuster_core::chain::{Asker, Chain};
use keymuster_core::codes;
use keymuster_core::document::Signed;
use keymuster_core::id::{ClientId, HostId, RequestId};
use keymuster_core::invalid::Invalid;
use keymuster_core::report::Report;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_core::signature::SecretKey;
use keymuster_service::Env;
use keymuster_service::exit::Coded;

use crate::certify::problem;
use crate::outgoing::{self, Trust};
use crate::serving::Serving;
use crate::settings::TlsPolicy;
use crate::site::Publisher;

/// How long the server may take to answer; it is on this machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Asks the server of this machine.
#[derive(Debug)]
pub struct Prober {
    agent: ureq::Agent,
    /// With the scheme by which the host takes requests.
    address: String,
    host: HostId,
    client: ClientId,
    key: SecretKey,
    env: Env,
}

impl Prober {
    /// Asks the host with this id where it listens.
    pub fn new(serving: &Serving, host: HostId, env: Env) -> Result<Prober, Coded> {
        let is_required = serving.tls.as_ref().is_some_and(|tls| TlsPolicy::named(&tls.policy) == TlsPolicy::Require);
        let scheme = if is_required { "https" } else { "http" };
        let address = format!("{scheme}://{}", reachable(serving.clients));
        let agent = outgoing::agent(&address, ANSWER_WITHIN, Trust::Signature)?;
        let (client, key) = (ClientId::from_bytes(env.random()), SecretKey::from_seed(&env.random()));
        Ok(Prober { agent, address, host, client, key, env })
    }

    /// What the host would answer to a new client that asks for `edition`; or its refusal, or why there is no answer.
    pub fn ask(&self, publisher: &Publisher, edition: &Edition) -> Result<Report, Coded> {
        let request = self.request(publisher, edition);
        let body = self.post(request.bytes())?;
        self.verify(&body, publisher, edition, request.request).map_err(|why| {
            let detail = format!("the host's answer does not verify: {why} ({})", why.code());
            Coded { code: &codes::ANSWER_INVALID, detail }
        })
    }

    fn request(&self, publisher: &Publisher, edition: &Edition) -> Signed<ClientRequest> {
        let now = self.env.now();
        let request = ClientRequest {
            act: Act::Check,
            publisher: publisher.trust.publisher.clone(),
            client: self.client,
            client_key: self.key.public(),
            edition: edition.number,
            request: RequestId::from_bytes(self.env.random()),
            time: now,
            high_water: now,
            counter: 1,
            product_version: None,
            previous: None,
            audience: Some(self.host),
            pool: None,
            fence: None,
            ratchet: None,
            key: None,
            name: None,
            system: None,
            boot: None,
            fingerprint: None,
            replaces: None,
            standing: None,
            extensions: None,
        };
        Signed::sign(request, &self.key).expect("a request of this program keeps the rules of its own documents")
    }

    fn post(&self, request: &[u8]) -> Result<Vec<u8>, Coded> {
        let target = format!("{}/v1/activate", self.address);
        let sent = self.agent.post(&target).header("content-type", "application/cose").send(request);
        let mut response = sent.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let body = response.body_mut().with_config().limit(bundle::SIZE_MAX as u64).read_to_vec();
        let body = body.map_err(|error| self.unreachable(&error))?;
        if status.is_success() {
            return Ok(body);
        }
        let detail = format!("what answers on {} is no host: HTTP {status}", self.address);
        Err(problem(&body).unwrap_or(Coded { code: &codes::NOT_A_KEYMUSTER_HOST, detail }))
    }

    fn unreachable(&self, error: &ureq::Error) -> Coded {
        let is_refused = matches!(error, ureq::Error::Io(why) if why.kind() == io::ErrorKind::ConnectionRefused);
        let code = if is_refused { &codes::CONNECTION_REFUSED } else { &codes::HOST_UNREACHABLE };
        Coded { code, detail: format!("the host does not answer on {}: {error}", self.address) }
    }

    fn verify(
        &self,
        body: &[u8],
        publisher: &Publisher,
        edition: &Edition,
        request: RequestId,
    ) -> Result<Report, Invalid> {
        let bundle = Bundle::parse(body)?;
        let missing = || Invalid::Malformed("no report with its entitlement".into());
        let (report, entitlement) = bundle.report.as_ref().zip(bundle.entitlement.as_ref()).ok_or_else(missing)?;
        let known = Chain::new(&publisher.trust, &publisher.pack, None)?.revocations().cloned();
        let chain = Chain::new(&publisher.trust, &bundle, known)?;
        let entitlement = chain.entitlement(entitlement)?;
        if entitlement.host != self.host {
            return Err(Invalid::ForAnotherHost);
        }
        let asker = Asker {
            client: self.client,
            client_key: self.key.public(),
            edition,
            catalogue: &publisher.catalogue,
            request: Some(request),
            held: None,
        };
        Ok((*chain.report(report, &entitlement, &asker)?).clone())
    }
}

/// How long a server may take to say that it lives.
const LIFE_WITHIN: Duration = Duration::from_millis(500);

/// Whether the server that listens there answers.
pub fn is_alive(listening: SocketAddr) -> bool {
    let config = ureq::Agent::config_builder().timeout_global(Some(LIFE_WITHIN)).proxy(None).max_redirects(0);
    let agent: ureq::Agent = config.build().into();
    agent.get(&format!("http://{}/livez", reachable(listening))).call().is_ok()
}

/// A server that listens on all addresses is asked on the machine's own.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let own = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(own, listening.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_all_addresses_is_asked_on_its_own() {
        for (listening, asked) in
            [("0.0.0.0:1688", "127.0.0.1:1688"), ("[::]:1688", "[::1]:1688"), ("192.0.2.1:80", "192.0.2.1:80")]
        {
            assert_eq!(reachable(listening.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
