-- Where the list of a video's adaptive stream lies, if it has one (ADR 0018).
alter table videos add column hls_key text;
