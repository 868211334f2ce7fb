//! What the pages say, in each language. A text that one language lacks does not compile.

mod english;
mod spanish;

pub(super) use english::ENGLISH;
pub(super) use spanish::SPANISH;

macro_rules! messages {
    ($($name:ident),+ $(,)?) => {
        /// All texts of one language.
        pub(super) struct Messages {
            $(pub(super) $name: &'static str,)+
        }
    };
}

messages! {
    contest, tagline, skip_to_content, main_navigation, footer, live, live_lost,
    ranking, videos, upload, my_videos, account, sign_in, sign_up, sign_out,
    whole_contest, boards, city, country, show, search, search_hint, search_results,
    nobody_found, place, artist, origin, votes, vote_one, artists, nobody_ranks, previous, next,
    page, of, pages, find_me, around, you, not_ranked, back_to_ranking,
    newest, most_voted, order, filters, no_videos, by,
    vote, voted, voted_hint, sign_in_to_vote, waiting, waiting_hint, refresh, not_available,
    share, share_link, copy, copied, no_video_support, uploaded_on,
    first_name, last_name, email, password, password_again, password_hint, create_account,
    have_account, no_account, problem, wrong_credentials, email_taken, passwords_differ,
    registered_pending,
    my_videos_empty, status_pending, status_processing, status_processed, status_failed,
    percent_done, delete, delete_question, delete_explained, delete_yes, cancel, deleted,
    cannot_delete,
    upload_hint, upload_limit, title, description, optional, file, send, sending, too_large,
    not_a_video, drop_here, upload_stopped, upload_waits, upload_goes_on,
    too_many_uploads, title_rule, upload_received,
    delete_account, delete_account_explained, delete_account_yes, wrong_password, account_deleted,
    page_not_found, page_not_found_hint, forbidden, unavailable, unavailable_hint, went_wrong,
    already_voted, field_missing, field_too_short, field_too_long, field_email, field_control,
    chart, now, operations, as_of, lag, lag_hint, queue, queue_empty, in_work, oldest, dead_letters, dead_letters_hint,
    dead_letters_how, newest_dead_letters, generation, rebuilding, no_rebuild, parts, this_process,
    partitions, partition, records, folded, behind, log_is_silent, rejections, rejections_hint, reason,
    outcomes, outcomes_hint, outcome, count, nothing, operators_only,
    api,
}
