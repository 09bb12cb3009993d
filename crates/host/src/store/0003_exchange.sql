-- Results name a request and not its client; and the number of collected requests is counted here, which is narrow.
CREATE INDEX collected_by_request ON collected (request_id);
