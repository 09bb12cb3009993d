//! How wide the window is, whether its owner prefers dark, and pictures of it.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Browser;

/// Which colours somebody prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// A window and the preferences of whoever sits before it.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// In pixels: 390 is a telephone, 2000 a screen on a wall.
    pub width: u32,
    /// The colours.
    pub scheme: Scheme,
}

impl Default for Look {
    fn default() -> Look {
        Look { width: 1280, scheme: Scheme::Light }
    }
}

impl Scheme {
    /// As style sheets call it, and as file names end.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        }
    }
}

impl Browser {
    /// Takes on a look.
    pub fn look(&self, look: Look) -> anyhow::Result<()> {
        let height = if look.width < 600 { 844 } else { 800 };
        let window = json!({ "width": look.width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.driver.devtools("Emulation.setDeviceMetricsOverride", window)?;
        let features = json!([
            { "name": "prefers-color-scheme", "value": look.scheme.name() },
            // A picture taken in the middle of a transition would be another each time.
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.driver.devtools("Emulation.setEmulatedMedia", json!({ "features": features }))?;
        Ok(())
    }

    /// A picture of the whole page, as PNG.
    pub fn picture(&self) -> anyhow::Result<Vec<u8>> {
        self.capture(true)
    }

    /// A picture of what the window shows, as PNG.
    pub fn picture_of_window(&self) -> anyhow::Result<Vec<u8>> {
        self.capture(false)
    }

    fn capture(&self, is_whole: bool) -> anyhow::Result<Vec<u8>> {
        let picture = self.driver.devtools("Page.captureScreenshot", json!({ "captureBeyondViewport": is_whole }))?;
        Ok(STANDARD.decode(picture["data"].as_str().context("a picture without data")?)?)
    }

    /// By how many pixels the page is wider than its window, so that people would have to scroll sideways.
    pub fn overhang(&self) -> anyhow::Result<i64> {
        let script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
        self.run(script)?.as_i64().context("no width")
    }
}
