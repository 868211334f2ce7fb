//! FFmpeg's send/receive protocol: `EAGAIN` asks for more input, `EOF` ends the output.

use ffmpeg_next::codec::{decoder, encoder};
use ffmpeg_next::{Error, Frame, Packet, error};

use crate::failure::Failure;

/// Whether a receive call had output. `EAGAIN` and `EOF` are no errors.
pub(crate) fn has_output(result: Result<(), Error>) -> Result<bool, Error> {
    match result {
        Ok(()) => Ok(true),
        Err(Error::Eof | Error::Other { errno: error::EAGAIN }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Moves the packets that the encoder has finished into `packets`.
pub(super) fn receive_packets(
    encoder: &mut encoder::Encoder,
    packets: &mut Vec<Packet>,
) -> Result<(), Failure> {
    loop {
        let mut packet = Packet::empty();
        if !has_output(encoder.receive_packet(&mut packet))? {
            return Ok(());
        }
        packets.push(packet);
    }
}

/// A decoder that counts broken packets and frames instead of failing on them.
pub(super) struct FrameDecoder {
    decoder: decoder::Opened,
    pub(super) decoded: u64,
    pub(super) broken: u64,
}

impl FrameDecoder {
    pub(super) fn new(decoder: decoder::Opened) -> Self {
        Self { decoder, decoded: 0, broken: 0 }
    }

    /// Sends a packet. A broken one costs some frames; [`Self::check`] decides whether enough are left.
    pub(super) fn send(&mut self, packet: &Packet) {
        if self.decoder.send_packet(packet).is_err() {
            self.broken += 1;
        }
    }

    /// Ends the input. `false`: the decoder has no further frames.
    pub(super) fn send_end(&mut self) -> bool {
        self.decoder.send_eof().is_ok()
    }

    /// Receives the next frame. `false`: there is none, or a broken one.
    ///
    /// # Errors
    /// `ENOMEM`, counted as broken, too.
    pub(super) fn receive(&mut self, frame: &mut Frame) -> Result<bool, Error> {
        match has_output(self.decoder.receive_frame(frame)) {
            Ok(received) => {
                self.decoded += u64::from(received);
                Ok(received)
            }
            Err(error) => {
                self.broken += 1;
                match error {
                    Error::Other { errno: error::ENOMEM } => Err(error),
                    _ => Ok(false),
                }
            }
        }
    }

    /// # Errors
    /// If more was broken than decoded.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.broken > self.decoded { Err(self.undecodable()) } else { Ok(()) }
    }

    /// The failure of a stream without usable frames.
    pub(super) fn undecodable(&self) -> Failure {
        Failure::undecodable(format!("{} frames decoded, {} broken", self.decoded, self.broken))
    }
}
