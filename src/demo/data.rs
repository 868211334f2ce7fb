//! Places, names, titles and clips of the demo contest.

use anyhow::{Context, Result};
use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::multipart::Part;

/// City, country, and the weight with which participants live there.
pub(super) const CITIES: [(&str, &str, u32); 24] = [
    ("Bogotá", "Colombia", 14),
    ("Medellín", "Colombia", 10),
    ("Cali", "Colombia", 8),
    ("Barranquilla", "Colombia", 6),
    ("Cartagena", "Colombia", 4),
    ("Bucaramanga", "Colombia", 3),
    ("Pereira", "Colombia", 2),
    ("Santa Marta", "Colombia", 2),
    ("Ciudad de México", "México", 9),
    ("Guadalajara", "México", 4),
    ("Monterrey", "México", 3),
    ("Mérida", "México", 1),
    ("Buenos Aires", "Argentina", 6),
    ("Córdoba", "Argentina", 2),
    ("Rosario", "Argentina", 2),
    ("Lima", "Perú", 5),
    ("Arequipa", "Perú", 2),
    ("Santiago", "Chile", 4),
    ("Valparaíso", "Chile", 1),
    ("Quito", "Ecuador", 3),
    ("Guayaquil", "Ecuador", 2),
    ("Madrid", "España", 3),
    ("Sevilla", "España", 1),
    ("Córdoba", "España", 1),
];

pub(super) const FIRST_NAMES: [&str; 32] = [
    "Sofía",
    "Valentina",
    "Mariana",
    "Camila",
    "Isabela",
    "Luciana",
    "Gabriela",
    "Daniela",
    "Paula",
    "Andrea",
    "Lucía",
    "Ximena",
    "Natalia",
    "Carolina",
    "Julieta",
    "Begoña",
    "Santiago",
    "Mateo",
    "Sebastián",
    "Alejandro",
    "Nicolás",
    "Samuel",
    "Andrés",
    "Joaquín",
    "Tomás",
    "Martín",
    "Emiliano",
    "Julián",
    "Felipe",
    "Iñaki",
    "Óscar",
    "Ángel",
];

pub(super) const LAST_NAMES: [&str; 32] = [
    "García",
    "Rodríguez",
    "Martínez",
    "López",
    "González",
    "Hernández",
    "Pérez",
    "Sánchez",
    "Ramírez",
    "Torres",
    "Flórez",
    "Gómez",
    "Díaz",
    "Vargas",
    "Castro",
    "Romero",
    "Muñoz",
    "Rojas",
    "Moreno",
    "Jiménez",
    "Ortiz",
    "Silva",
    "Mejía",
    "Cárdenas",
    "Restrepo",
    "Quiñones",
    "Núñez",
    "Peña",
    "Ibáñez",
    "Zúñiga",
    "Acuña",
    "Ríos",
];

pub(super) const STYLES: [&str; 16] = [
    "Cumbia",
    "Vallenato",
    "Salsa",
    "Bolero",
    "Champeta",
    "Bambuco",
    "Ranchera",
    "Tango",
    "Zamba",
    "Huayno",
    "Cueca",
    "Pasillo",
    "Flamenco",
    "Currulao",
    "Joropo",
    "Bachata",
];

pub(super) const MOODS: [&str; 16] = [
    "de medianoche",
    "en la plaza",
    "para mi abuela",
    "bajo la lluvia",
    "del barrio",
    "sin micrófono",
    "con acordeón",
    "a dos voces",
    "en la azotea",
    "de despedida",
    "del mar",
    "en el bus",
    "de domingo",
    "a capela",
    "con gaitas",
    "de mi tierra",
];

/// A short clip to upload.
#[derive(Clone)]
pub(super) struct Clip {
    bytes: Bytes,
}

impl Clip {
    /// The clip as a part of a multipart form.
    pub(super) fn part(&self) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("video/mp4"));
        let length = self.bytes.len() as u64;
        Part::stream_with_length(self.bytes.clone(), length).file_name("clip.mp4").headers(headers)
    }
}

/// Distinct clips. Artists share them.
const CLIPS: u32 = 6;

/// Encodes the clips.
pub(super) async fn clips() -> Result<Vec<Clip>> {
    tokio::task::spawn_blocking(|| {
        (0..CLIPS)
            .map(|number| {
                let bytes =
                    transcoder::demo_clip::render(number).context("cannot encode a clip")?;
                Ok(Clip { bytes: bytes.into() })
            })
            .collect()
    })
    .await?
}
