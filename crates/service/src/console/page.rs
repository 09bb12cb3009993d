//! Pages: for people who have signed in, with the permission that the page needs.

use std::marker::PhantomData;

use askama::Template;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{FromRef, FromRequest, FromRequestParts};
use axum::http::{Method, StatusCode, request::Parts};
use axum::response::{Html, IntoResponse, Redirect, Response};
use keymuster_core::codes;
use keymuster_core::time::Timestamp;

use super::account::{self, Account};
use super::by::By;
use super::frame::Frame;
use super::permission::Needs;
use super::secure::cookie_shown;
use super::session::{self, Session};
use super::{Console, assets};
use crate::Problem;
use crate::database::Failure;

/// The header with which the script of a page asks for it again; that is no sign of a person.
pub const LIVE: &str = "keymuster-live";

/// Somebody who has signed in, on a page that needs the permission `P`.
#[derive(Clone, Debug)]
pub struct Page<P> {
    console: Console,
    session: Session,
    account: Account,
    path: String,
    at: Timestamp,
    needs: PhantomData<P>,
}

/// What a page is answered with instead.
#[derive(Debug)]
pub enum PageError {
    /// Another page.
    Elsewhere(String),
    /// The problem, as a page.
    Problem(Problem),
}

/// What handlers of pages return.
pub type Result<T, E = PageError> = std::result::Result<T, E>;

impl<P: Needs> Page<P> {
    /// Who asks, for acts.
    pub fn by(&self) -> By<P> {
        By::new(self.account.name.clone(), self.account.name.clone(), self.at)
    }

    /// The frame around the page.
    pub fn frame(&self) -> Frame {
        Frame::of(self)
    }

    /// The console.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// The account that has signed in.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The session.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The path of the page.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The time of the request.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// What the page before left to be told.
    pub fn notice(&self) -> Option<&str> {
        self.session.notice.as_deref()
    }

    /// Leads to `/confirm` where the person has not proved who they are lately. Acts that destroy something ask this first,
    /// and so does the page with their form, so that nobody fills it in for nothing.
    pub fn confirmed(&self, this_page: &str) -> Result<()> {
        if self.session.is_confirmed(self.at) {
            return Ok(());
        }
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("then", this_page).finish();
        Err(PageError::Elsewhere(format!("/confirm?{query}")))
    }

    /// Leads to another page, which tells what was done.
    pub async fn done(&self, notice: impl Into<String>, to: impl Into<String>) -> Result<Response> {
        let (digest, notice) = (self.session.digest.clone(), notice.into());
        self.console.pool().write(move |tx| session::notify(tx, &digest, &notice)).await?;
        Ok(see_other(&to.into()))
    }
}

/// The fields of a form.
#[derive(Clone, Copy, Debug, FromRequest)]
#[from_request(via(axum::extract::Form), rejection(PageError))]
pub struct Form<T>(pub T);

/// The query of a link.
#[derive(Clone, Copy, Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(PageError))]
pub struct Query<T>(pub T);

/// The parameters in the path of a link.
#[derive(Clone, Copy, Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(PageError))]
pub struct Path<T>(pub T);

/// A path of this server, for going there after something else; the first page for whatever leads elsewhere.
///
/// Browsers take `//name`, `/\name` and either with a tab in it for addresses of other servers.
pub fn local_path(text: &str) -> &str {
    let is_local = text.starts_with('/') && !text.starts_with("//");
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_local && is_plain { text } else { "/" }
}

/// Leads a browser to another page, which it asks for with GET.
pub fn see_other(to: &str) -> Response {
    Redirect::to(to).into_response()
}

/// A page from its template.
pub fn html(template: &impl Template) -> Result<Response> {
    html_with(StatusCode::OK, template)
}

/// A page whose form was not accepted.
pub fn unprocessable(template: &impl Template) -> Result<Response> {
    html_with(StatusCode::UNPROCESSABLE_ENTITY, template)
}

fn html_with(status: StatusCode, template: &impl Template) -> Result<Response> {
    let text = template.render().map_err(|error| {
        tracing::error!(%error, "a page cannot be rendered");
        Problem::new(&codes::INTERNAL_FAILURE, "the page cannot be shown; the server's log says why")
    })?;
    Ok((status, Html(text)).into_response())
}

impl<S, P> FromRequestParts<S> for Page<P>
where
    S: Send + Sync,
    Console: FromRef<S>,
    P: Needs,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Page<P>> {
        let console = Console::from_ref(state);
        let now = console.env().now();
        let Some(secret) = cookie_shown(&parts.extensions, &parts.headers, console.product().cookie) else {
            return Err(sign_in(parts));
        };
        let digest = session::digest(&secret);
        let found = console.pool().read(move |tx| load(tx, &digest)).await?;
        let Some((session, account)) = found else { return Err(sign_in(parts)) };
        if !session.is_alive(now) || account.disabled_at.is_some() {
            return Err(sign_in(parts));
        }
        let is_live = parts.headers.contains_key(LIVE);
        if !is_live && (session.is_seen_anew(now) || session.notice.is_some()) {
            let digest = session.digest.clone();
            console.pool().write(move |tx| session::seen(tx, &digest, now)).await?;
        }
        if !account.may::<P>() {
            let detail =
                format!("this needs the permission {}, and the role {} is without it", P::PERMISSION, account.role);
            return Err(Problem::new(&codes::PERMISSION_MISSING, detail).into());
        }
        let path = parts.uri.path().to_owned();
        Ok(Page { console, session, account, path, at: now, needs: PhantomData })
    }
}

fn load(tx: &crate::sql::Transaction<'_>, digest: &str) -> Result<Option<(Session, Account)>, Failure> {
    let Some(session) = session::find(tx, digest)? else { return Ok(None) };
    let account = account::named(tx, &session.account)?;
    Ok(account.map(|account| (session, account)))
}

/// The sign-in page, which leads back to where somebody wanted to go.
fn sign_in(parts: &Parts) -> PageError {
    if parts.headers.contains_key(LIVE) {
        return Problem::new(&codes::NOT_SIGNED_IN, "the session has ended; load the page again to sign in").into();
    }
    let wanted = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if parts.method != Method::GET || wanted == "/" {
        return PageError::Elsewhere("/sign-in".to_owned());
    }
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("then", wanted).finish();
    PageError::Elsewhere(format!("/sign-in?{query}"))
}

impl From<Problem> for PageError {
    fn from(problem: Problem) -> PageError {
        PageError::Problem(problem)
    }
}

impl From<QueryRejection> for PageError {
    fn from(rejection: QueryRejection) -> PageError {
        PageError::Problem(rejection.into())
    }
}

impl From<PathRejection> for PageError {
    fn from(rejection: PathRejection) -> PageError {
        PageError::Problem(rejection.into())
    }
}

impl From<FormRejection> for PageError {
    fn from(rejection: FormRejection) -> PageError {
        Problem::new(&codes::INPUT_INVALID, rejection.body_text()).into()
    }
}

impl From<Failure> for PageError {
    fn from(failure: Failure) -> PageError {
        PageError::Problem(failure.into())
    }
}

/// The page of a problem.
#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    problem: &'a Problem,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let problem = match self {
            PageError::Elsewhere(to) => return see_other(&to),
            PageError::Problem(problem) => problem,
        };
        let frame = Frame {
            product: "Keymuster",
            site: String::new(),
            nav: Vec::new(),
            user: None,
            notice: None,
            version: env!("CARGO_PKG_VERSION"),
            style_href: assets::STYLE,
            script_href: assets::SCRIPT,
        };
        let page = ProblemPage { frame, problem: &problem };
        let mut response = match page.render() {
            Ok(text) => (problem.status(), Html(text)).into_response(),
            Err(_) => return problem.into_response(),
        };
        problem.mark(&mut response);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::local_path;

    #[test]
    fn nothing_leads_to_another_server() {
        for (text, expected) in [
            ("/clients?search=a%20b", "/clients?search=a%20b"),
            ("/", "/"),
            ("", "/"),
            ("clients", "/"),
            ("//other.example", "/"),
            ("/\\other.example", "/"),
            ("/\t/other.example", "/"),
            ("https://other.example/", "/"),
            ("javascript:alert(1)", "/"),
            ("/x\r\nset-cookie: y", "/"),
            ("/ä", "/"),
        ] {
            assert_eq!(local_path(text), expected, "{text:?}");
        }
    }
}
