//! The id that the cluster gave a topic when it was created (KIP-516).
#![expect(unsafe_code, reason = "rdkafka has no safe form of DescribeTopics")]

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafka;

/// How long the brokers may take to describe the topic.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(3);

/// Why the id of a topic is unknown.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum TopicIdError {
    #[error("the brokers did not describe topic `{0}` in time")]
    TimedOut(String),
    #[error("topic `{topic}` cannot be described")]
    Refused { topic: String, source: RDKafkaErrorCode },
    #[error("the brokers are too old to give topic `{0}` an id: Kafka 2.8 is the oldest that does")]
    NoId(String),
}

/// A pointer of librdkafka that is destroyed when it goes out of scope.
struct Owned<T> {
    pointer: NonNull<T>,
    destroy: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(pointer: *mut T, destroy: unsafe extern "C" fn(*mut T)) -> Option<Self> {
        Some(Self { pointer: NonNull::new(pointer)?, destroy })
    }

    fn as_ptr(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer came from the library's constructor and is destroyed once.
        unsafe { (self.destroy)(self.pointer.as_ptr()) }
    }
}

/// The id of the topic, in the base64 form that Kafka's own tools print. Blocks.
///
/// `client` must be a live client; the call only borrows it.
pub(super) fn topic_id(client: *mut RDKafka, topic: &str) -> Result<String, TopicIdError> {
    let timed_out = || TopicIdError::TimedOut(topic.to_owned());
    let event = described(client, topic).ok_or_else(timed_out)?;
    let refused = |code: sys::rd_kafka_resp_err_t| match code.into() {
        RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::RequestTimedOut => timed_out(),
        source => TopicIdError::Refused { topic: topic.to_owned(), source },
    };
    // SAFETY: `event` lives until the end of the function, and so do all parts of it. The library
    // returns null for a result that the event does not have, and that is checked.
    unsafe {
        let code = sys::rd_kafka_event_error(event.as_ptr());
        if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(refused(code));
        }
        let result = sys::rd_kafka_event_DescribeTopics_result(event.as_ptr());
        let mut count = 0;
        if result.is_null() {
            return Err(timed_out());
        }
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &mut count);
        if topics.is_null() || count == 0 {
            return Err(timed_out());
        }
        let error = sys::rd_kafka_TopicDescription_error(*topics);
        if !error.is_null() {
            let code = sys::rd_kafka_error_code(error);
            if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Err(refused(code));
            }
        }
        let id = sys::rd_kafka_TopicDescription_topic_id(*topics);
        let no_id = || TopicIdError::NoId(topic.to_owned());
        if id.is_null()
            || (sys::rd_kafka_Uuid_most_significant_bits(id) == 0
                && sys::rd_kafka_Uuid_least_significant_bits(id) == 0)
        {
            return Err(no_id());
        }
        let text = sys::rd_kafka_Uuid_base64str(id);
        if text.is_null() {
            return Err(no_id());
        }
        Ok(CStr::from_ptr(text).to_string_lossy().into_owned())
    }
}

/// The answer of the brokers, or `None` if none came in time.
fn described(client: *mut RDKafka, topic: &str) -> Option<Owned<sys::rd_kafka_event_t>> {
    let name = CString::new(topic).ok()?;
    let mut names = [name.as_ptr()];
    let timeout_ms = i32::try_from(DESCRIBE_TIMEOUT.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: `client` is live. `names` and `name` outlive the collection, which copies the names. The
    // request copies topics and options. The queue is private, so no other thread takes its event.
    unsafe {
        let topics = sys::rd_kafka_TopicCollection_of_topic_names(names.as_mut_ptr(), names.len());
        let topics = Owned::new(topics, sys::rd_kafka_TopicCollection_destroy)?;
        let operation = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS;
        let options = sys::rd_kafka_AdminOptions_new(client, operation);
        let options = Owned::new(options, sys::rd_kafka_AdminOptions_destroy)?;
        sys::rd_kafka_AdminOptions_set_request_timeout(
            options.as_ptr(),
            timeout_ms,
            std::ptr::null_mut(),
            0,
        );
        let queue = Owned::new(sys::rd_kafka_queue_new(client), sys::rd_kafka_queue_destroy)?;
        sys::rd_kafka_DescribeTopics(client, topics.as_ptr(), options.as_ptr(), queue.as_ptr());
        let event = sys::rd_kafka_queue_poll(queue.as_ptr(), timeout_ms);
        Owned::new(event, sys::rd_kafka_event_destroy)
    }
}
