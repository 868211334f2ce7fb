//! A chain of filters with one end that is fed and one that is drained.
//!
//! A filter's context points into its graph, and the bindings do not tie the two together (their
//! issue #281): a context that outlives its graph is a use after free. So no context leaves this
//! file, and none is kept.

use ffmpeg_next::filter::{self, Graph};
use ffmpeg_next::{Error, Frame, Rational};

const SOURCE: &str = "in";
const SINK: &str = "out";

/// The chain.
pub(super) struct Chain {
    graph: Graph,
}

/// What a chain is made of.
pub(super) struct Parts<'a> {
    /// `buffer` or `abuffer`.
    pub(super) source: &'a str,
    /// What the frames are that will be fed.
    pub(super) frames: String,
    /// `buffersink` or `abuffersink`.
    pub(super) sink: &'a str,
    /// The filters between `[in]` and `[out]`.
    pub(super) filters: String,
    /// A picture that the filters take as `[mark]`, and what it is.
    pub(super) mark: Option<(&'a Frame, String)>,
}

impl Chain {
    pub(super) fn new(parts: Parts<'_>) -> Result<Self, Error> {
        let filter = |name| filter::find(name).ok_or(Error::FilterNotFound);
        let mut graph = Graph::new();
        graph.add(&filter(parts.source)?, SOURCE, &parts.frames)?;
        graph.add(&filter(parts.sink)?, SINK, "")?;
        if let Some((_, about)) = &parts.mark {
            graph.add(&filter("buffer")?, "mark", about)?;
        }
        let ends = graph.output(SOURCE, 0)?;
        let ends = if parts.mark.is_some() { ends.output("mark", 0)? } else { ends };
        ends.input(SINK, 0)?.parse(&parts.filters)?;
        graph.validate()?;
        if let Some((picture, _)) = parts.mark {
            let mut mark = graph.get("mark").ok_or(Error::Bug)?;
            mark.source().add(picture)?;
            mark.source().flush()?;
        }
        Ok(Self { graph })
    }

    /// Feeds a frame. `false`: the chain has all it needs, and takes no more.
    pub(super) fn feed(&mut self, frame: &Frame) -> Result<bool, Error> {
        match self.graph.get(SOURCE).ok_or(Error::Bug)?.source().add(frame) {
            Ok(()) => Ok(true),
            Err(Error::Eof) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// No more frames will be fed.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        match self.graph.get(SOURCE).ok_or(Error::Bug)?.source().flush() {
            Ok(()) | Err(Error::Eof) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes a frame out into `frame`. `false`: there is none, or none yet.
    pub(super) fn drain(&mut self, frame: &mut Frame) -> Result<bool, Error> {
        let taken = self.graph.get(SINK).ok_or(Error::Bug)?.sink().frame(frame);
        super::or_not_yet(taken)
    }

    /// The unit of the times of frames that come out.
    pub(super) fn time_base(&mut self) -> Result<Rational, Error> {
        Ok(self.graph.get(SINK).ok_or(Error::Bug)?.sink().time_base())
    }

    /// Frames that come out shall have so many samples each.
    pub(super) fn set_frame_size(&mut self, samples: u32) -> Result<(), Error> {
        self.graph.get(SINK).ok_or(Error::Bug)?.sink().set_frame_size(samples);
        Ok(())
    }
}
