//! A chain of FFmpeg filters with one input and one output.
//!
//! A filter's context points into its graph, and the bindings do not tie their lifetimes together (their
//! issue #281): a context that outlives its graph is a use after free. So no context leaves this file,
//! and none is stored.

use ffmpeg_next::filter::{self, Graph};
use ffmpeg_next::{Error, Frame, Rational};

use super::codec::has_output;

const SOURCE: &str = "in";
const SINK: &str = "out";
const WATERMARK: &str = "mark";

/// A configured chain.
pub(super) struct FilterChain {
    graph: Graph,
}

/// The description of a chain.
pub(super) struct FilterChainSpec<'a> {
    /// `buffer` or `abuffer`.
    pub(super) source: &'a str,
    /// The format of the input frames, as arguments of the source.
    pub(super) frames: String,
    /// `buffersink` or `abuffersink`.
    pub(super) sink: &'a str,
    /// The filters between `[in]` and `[out]`.
    pub(super) filters: String,
    /// A picture that the filters use as `[mark]`, and its format.
    pub(super) watermark: Option<(&'a Frame, String)>,
}

impl FilterChain {
    pub(super) fn new(spec: FilterChainSpec<'_>) -> Result<Self, Error> {
        let filter = |name| filter::find(name).ok_or(Error::FilterNotFound);
        let mut graph = Graph::new();
        graph.add(&filter(spec.source)?, SOURCE, &spec.frames)?;
        graph.add(&filter(spec.sink)?, SINK, "")?;
        if let Some((_, format)) = &spec.watermark {
            graph.add(&filter("buffer")?, WATERMARK, format)?;
        }
        let ends = graph.output(SOURCE, 0)?;
        let ends = if spec.watermark.is_some() { ends.output(WATERMARK, 0)? } else { ends };
        ends.input(SINK, 0)?.parse(&spec.filters)?;
        graph.validate()?;
        if let Some((picture, _)) = spec.watermark {
            let mut mark = graph.get(WATERMARK).ok_or(Error::Bug)?;
            mark.source().add(picture)?;
            mark.source().flush()?;
        }
        Ok(Self { graph })
    }

    /// Sends a frame. `false`: the chain accepts no more frames.
    pub(super) fn send(&mut self, frame: &Frame) -> Result<bool, Error> {
        match self.graph.get(SOURCE).ok_or(Error::Bug)?.source().add(frame) {
            Ok(()) => Ok(true),
            Err(Error::Eof) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Ends the input.
    pub(super) fn send_end(&mut self) -> Result<(), Error> {
        match self.graph.get(SOURCE).ok_or(Error::Bug)?.source().flush() {
            Ok(()) | Err(Error::Eof) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Receives a frame. `false`: there is none, or none yet.
    pub(super) fn receive(&mut self, frame: &mut Frame) -> Result<bool, Error> {
        has_output(self.graph.get(SINK).ok_or(Error::Bug)?.sink().frame(frame))
    }

    /// The unit of the output frames' times.
    pub(super) fn time_base(&mut self) -> Result<Rational, Error> {
        Ok(self.graph.get(SINK).ok_or(Error::Bug)?.sink().time_base())
    }

    /// Sets the number of samples per output frame.
    pub(super) fn set_frame_size(&mut self, samples: u32) -> Result<(), Error> {
        self.graph.get(SINK).ok_or(Error::Bug)?.sink().set_frame_size(samples);
        Ok(())
    }
}
