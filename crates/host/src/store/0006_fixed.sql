-- What the configuration of the host gives, as its server read it; publisher is empty for the host itself.
CREATE TABLE fixed (
    publisher TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    PRIMARY KEY (publisher, name)
);
