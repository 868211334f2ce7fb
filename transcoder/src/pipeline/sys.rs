//! Calls into FFmpeg that its safe bindings lack: the only unsafe code of the pipeline.
#![expect(unsafe_code, reason = "the bindings have no safe form of these calls")]

use std::ffi::CStr;
use std::fs::File;
use std::ptr;

use ffmpeg_next::format::context::{Input, Output, StreamIo};
use ffmpeg_next::format::stream::Stream;
use ffmpeg_next::{Dictionary, Error, Rational, ffi, frame};

/// Opens a source with this demuxer and no other. It reads the given file and opens none.
pub(super) fn open(file: File, demuxer: &CStr, options: Dictionary<'_>) -> Result<Input, Error> {
    let mut io = StreamIo::from_read_seek(file)?;
    // SAFETY: every pointer is used as FFmpeg's documentation of these functions demands:
    // - `avformat_open_input` takes a context from `avformat_alloc_context` and frees it if it fails.
    // - `pb` outlives the context, because `Input` owns both. `AVFMT_FLAG_CUSTOM_IO` prevents that the
    //   context frees it.
    // - The remaining `options` are taken back and freed.
    unsafe {
        let mut context = ffi::avformat_alloc_context();
        if context.is_null() {
            return Err(Error::Other { errno: ffmpeg_next::error::ENOMEM });
        }
        (*context).pb = io.as_mut_ptr();
        (*context).flags |= ffi::AVFMT_FLAG_CUSTOM_IO;
        let demuxer = ffi::av_find_input_format(demuxer.as_ptr());
        if demuxer.is_null() {
            ffi::avformat_free_context(context);
            return Err(Error::DemuxerNotFound);
        }
        let mut options = options.disown();
        let opened =
            ffi::avformat_open_input(&raw mut context, ptr::null(), demuxer, &raw mut options);
        drop(Dictionary::own(options));
        checked(opened)?;
        Ok(Input::wrap_with_custom_io(context, io))
    }
}

/// Reads the first packets to find stream properties that the headers lack. Opens decoders with
/// `options`.
pub(super) fn find_stream_info(
    input: &mut Input,
    options: &[(&'static str, String)],
) -> Result<(), Error> {
    let each = |_| {
        let pairs = options.iter().map(|(name, value)| (*name, value.as_str()));
        // SAFETY: ownership of the dictionary goes to the list, and comes back from it below.
        unsafe { pairs.collect::<Dictionary<'_>>().disown() }
    };
    let mut options: Vec<_> = (0..input.nb_streams()).map(each).collect();
    // SAFETY: the context is valid as long as `input` is. FFmpeg's documentation asks for one dictionary
    // per stream that exists before the call. It may replace them; the caller frees what the list then
    // holds.
    unsafe {
        let found = ffi::avformat_find_stream_info(input.as_mut_ptr(), options.as_mut_ptr());
        options.into_iter().for_each(|rest| drop(Dictionary::own(rest)));
        checked(found)
    }
}

/// Ends a fragment of a fragmented file.
pub(super) fn end_fragment(output: &mut Output) -> Result<(), Error> {
    // SAFETY: the context is valid as long as `output` is, and a null packet asks FFmpeg for this. The
    // first call may only write a delayed header; then the second one writes the fragment.
    unsafe {
        checked(ffi::av_write_frame(output.as_mut_ptr(), ptr::null_mut()))?;
        checked(ffi::av_write_frame(output.as_mut_ptr(), ptr::null_mut()))
    }
}

fn checked(result: i32) -> Result<(), Error> {
    if result < 0 { Err(Error::from(result)) } else { Ok(()) }
}

/// The width of a pixel divided by its height, as container or codec declare it; 0/1 if unknown.
pub(super) fn pixel_aspect(input: &mut Input, stream: usize) -> Rational {
    // SAFETY: the context is valid as long as `input` is, and `stream` is checked before it is used
    // as an index. No frame (null) is allowed.
    unsafe {
        let context = input.as_mut_ptr();
        if stream >= (*context).nb_streams as usize {
            return Rational(0, 1);
        }
        let stream = *(*context).streams.add(stream);
        ffi::av_guess_sample_aspect_ratio(context, stream, ptr::null_mut()).into()
    }
}

/// Width and height of a video stream, as its container declares them.
pub(super) fn declared_size(stream: &Stream<'_>) -> (i32, i32) {
    let parameters = stream.parameters();
    // SAFETY: the parameters are valid as long as the stream is.
    unsafe { ((*parameters.as_ptr()).width, (*parameters.as_ptr()).height) }
}

/// Sets colour properties that ITU-T H.273 does not define to "unspecified". Some decoders copy them from
/// the file unchecked, and in the bindings these fields are enums: an undefined value is undefined
/// behaviour.
pub(super) fn reset_unknown_colours(frame: &mut frame::Video) {
    use ffi::AVChromaLocation::AVCHROMA_LOC_UNSPECIFIED;
    use ffi::AVColorPrimaries::AVCOL_PRI_UNSPECIFIED;
    use ffi::AVColorRange::AVCOL_RANGE_UNSPECIFIED;
    use ffi::AVColorSpace::AVCOL_SPC_UNSPECIFIED;
    use ffi::AVColorTransferCharacteristic::AVCOL_TRC_UNSPECIFIED;
    // SAFETY: the frame is valid as long as `frame` is, and C has integers of 32 bits in these fields.
    unsafe {
        let frame = frame.as_mut_ptr();
        let primaries = |value| matches!(value, 1 | 2 | 4..=12 | 22);
        reset_unknown(&raw mut (*frame).color_primaries, primaries, AVCOL_PRI_UNSPECIFIED);
        let transfer = |value| matches!(value, 1 | 2 | 4..=18);
        reset_unknown(&raw mut (*frame).color_trc, transfer, AVCOL_TRC_UNSPECIFIED);
        let matrix = |value| matches!(value, 0..=2 | 4..=14);
        reset_unknown(&raw mut (*frame).colorspace, matrix, AVCOL_SPC_UNSPECIFIED);
        reset_unknown(&raw mut (*frame).color_range, |value| value <= 2, AVCOL_RANGE_UNSPECIFIED);
        reset_unknown(
            &raw mut (*frame).chroma_location,
            |value| value <= 6,
            AVCHROMA_LOC_UNSPECIFIED,
        );
    }
}

/// # Safety
/// The field is valid and has 32 bits. Its value may be undefined for the enum.
unsafe fn reset_unknown<E>(field: *mut E, is_known: impl Fn(u32) -> bool, unspecified: E) {
    // SAFETY: read as the integer that it is in C, and only written as an enum.
    unsafe {
        if !is_known(field.cast::<u32>().read()) {
            field.write(unspecified);
        }
    }
}
