//! Draws a small picture from a prompt, without a model: the same prompt gives the same picture.
//! Replace this with a real image model.

use std::hash::{DefaultHasher, Hash, Hasher};

/// The width and the height, in pixels.
const SIZE: u16 = 128;

struct Disc {
    x: i32,
    y: i32,
    radius: i32,
    color: [u8; 3],
}

impl Disc {
    /// Creates a disc whose position, size and color depend on the prompt.
    fn of(prompt: &str, step: u8) -> Self {
        let mut hasher = DefaultHasher::new();
        (prompt, step).hash(&mut hasher);
        let [x, y, radius, red, green, blue, ..] = hasher.finish().to_le_bytes();
        Self {
            x: i32::from(x) / 2,
            y: i32::from(y) / 2,
            radius: 12 + i32::from(radius) / 8,
            color: [red, green, blue],
        }
    }

    fn covers(&self, x: i32, y: i32) -> bool {
        (self.x - x).pow(2) + (self.y - y).pow(2) <= self.radius.pow(2)
    }
}

/// Draws the prompt as a PNG. Each step adds a transparent disc.
pub(crate) fn draw(prompt: &str, steps: u8) -> Result<Vec<u8>, png::EncodingError> {
    let discs: Vec<Disc> = (0..steps).map(|step| Disc::of(prompt, step)).collect();
    let mut pixels = Vec::with_capacity(usize::from(SIZE) * usize::from(SIZE) * 3);
    for y in 0..i32::from(SIZE) {
        for x in 0..i32::from(SIZE) {
            let mut pixel = [250; 3];
            for disc in discs.iter().filter(|disc| disc.covers(x, y)) {
                for (below, above) in pixel.iter_mut().zip(disc.color) {
                    *below = u8::midpoint(*below, above);
                }
            }
            pixels.extend(pixel);
        }
    }

    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, SIZE.into(), SIZE.into());
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(png)
}
