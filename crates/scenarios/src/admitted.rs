//! People who may administer a server: one of each role, written into its database as signing in would have done.
//!
//! How people really get there is tested with the accounts; everything else may begin behind the door.

use keymuster_core::id::to_hex;
use keymuster_core::time::DAY;
use keymuster_service::Env;
use keymuster_service::console::account::{self, Account};
use keymuster_service::console::permission::Role;
use keymuster_service::console::session::{self, Session};
use keymuster_service::console::token::{self, Token};
use rusqlite::{Connection, Transaction};

/// Somebody with an account, a session and a token.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// What they are, which is also what they are called.
    pub role: Role,
    /// What the cookie of their session holds.
    pub session: String,
    /// The secret of their token, which may do all that they may.
    pub token: String,
}

/// Admits one of each role to the server with this database, which the program has made already.
pub fn admit(db: &mut Connection, env: &Env) -> anyhow::Result<[Admitted; 3]> {
    let tx = db.transaction()?;
    let mut admitted = Vec::new();
    for role in Role::ALL {
        admitted.push(add(&tx, role, env)?);
    }
    tx.commit()?;
    Ok(admitted.try_into().expect("as many as there are roles"))
}

fn add(tx: &Transaction<'_>, role: Role, env: &Env) -> anyhow::Result<Admitted> {
    let now = env.now();
    let name = role.name().to_owned();
    let account = Account::new(name.clone(), role, "a test", now);
    account::add(tx, &account)?;
    let secret = session::new_secret(env);
    let begun = Session {
        digest: session::digest(&secret),
        account: name.clone(),
        started_at: now,
        seen_at: now,
        confirmed_at: now,
        address: "127.0.0.1".to_owned(),
        agent: "a test".to_owned(),
        notice: None,
    };
    session::begin(tx, &begun)?;
    let token_secret = format!("{}{}", token::PREFIX, session::new_secret(env));
    let made = Token {
        id: to_hex(&env.random::<8>()),
        name: "test".to_owned(),
        account: name,
        scopes: role.permissions().to_vec(),
        created_at: now,
        expires_at: now.plus(DAY),
        used_at: None,
        revoked_at: None,
    };
    token::add(tx, &made, &session::digest(&token_secret))?;
    Ok(Admitted { role, session: secret, token: token_secret })
}
