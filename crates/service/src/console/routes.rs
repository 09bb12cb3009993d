//! A router that knows its routes, so that a test can hold each of them to what it should admit.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing;

/// A router under construction.
#[derive(Debug)]
pub struct Routes<S> {
    router: Router<S>,
    table: Vec<(Method, String)>,
}

impl<S: Clone + Send + Sync + 'static> Default for Routes<S> {
    fn default() -> Routes<S> {
        Routes::new()
    }
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes.
    pub fn new() -> Routes<S> {
        Routes { router: Router::new(), table: Vec::new() }
    }

    /// Adds what is looked at.
    #[must_use]
    pub fn get<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H) -> Routes<S> {
        self.add(Method::GET, path, routing::get(handler))
    }

    /// Adds an act.
    #[must_use]
    pub fn post<H: Handler<T, S>, T: 'static>(self, path: &str, handler: H) -> Routes<S> {
        self.add(Method::POST, path, routing::post(handler))
    }

    fn add(mut self, method: Method, path: &str, route: routing::MethodRouter<S>) -> Routes<S> {
        self.table.push((method, path.to_owned()));
        Routes { router: self.router.route(path, route), table: self.table }
    }

    /// Adds routes that were made elsewhere.
    #[must_use]
    pub fn and(mut self, others: Routes<S>) -> Routes<S> {
        self.table.extend(others.table);
        Routes { router: self.router.merge(others.router), table: self.table }
    }

    /// Adds the routes of a router that an OpenAPI description lists.
    #[must_use]
    pub fn and_described(mut self, router: Router<S>, description: &utoipa::openapi::OpenApi) -> Routes<S> {
        for (path, item) in &description.paths.paths {
            let methods = [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            let present = methods.into_iter().filter(|(_, operation)| operation.is_some());
            self.table.extend(present.map(|(method, _)| (method, path.clone())));
        }
        Routes { router: self.router.merge(router), table: self.table }
    }

    /// The router, and every route in it.
    pub fn into_parts(self) -> (Router<S>, Vec<(Method, String)>) {
        (self.router, self.table)
    }
}
