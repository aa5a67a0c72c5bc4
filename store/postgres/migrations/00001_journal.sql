-- +goose Up

-- A session: what its rows hang on, and what is left of it when it is erased.
CREATE TABLE epochs (
    epoch   text COLLATE "C" PRIMARY KEY,
    written timestamptz NOT NULL DEFAULT now(), -- last
    erased  timestamptz                         -- nothing more is kept of it from then on
) WITH (fillfactor = 70);

-- NULL is what nobody has said yet. _ns are nanoseconds.
CREATE TABLE sessions (
    epoch     text COLLATE "C" PRIMARY KEY REFERENCES epochs,
    name      text,
    node      text,
    from_lang text,
    to_langs  text[],
    profile   text,
    delay_ms  bigint,
    created   timestamptz,
    ended     timestamptz,
    phrases   bigint,
    lost      bigint,
    fence     bigint NOT NULL DEFAULT 0
);

CREATE TABLE dubs (
    epoch    text COLLATE "C" REFERENCES epochs,
    lang     text COLLATE "C",
    began_ns bigint, -- session time
    ended_ns bigint,
    played   bigint,
    skipped  bigint,
    ladder   text,
    fence    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (epoch, lang)
);

CREATE TABLE phrases (
    epoch        text COLLATE "C" REFERENCES epochs,
    lang         text COLLATE "C",
    id           bigint,
    source_lang  text,
    source_text  text,
    text         text,
    start_ns     bigint, -- source time
    end_ns       bigint,
    dub_start_ns bigint,
    dub_end_ns   bigint,
    late_ns      bigint,
    outcome      text,
    recognizer   text,
    translator   text,
    voice        text,
    fence        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (epoch, lang, id)
);

CREATE TABLE consents (
    epoch text COLLATE "C" REFERENCES epochs,
    seq   bigint,
    given boolean,
    at    timestamptz,
    fence bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (epoch, seq)
);

CREATE TABLE events (
    epoch text COLLATE "C" REFERENCES epochs,
    seq   bigint,
    at_ns bigint, -- session time
    lang  text,
    kind  text,
    data  json,
    fence bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (epoch, seq)
);

CREATE TABLE recordings (
    id        text COLLATE "C" PRIMARY KEY REFERENCES epochs,
    session   text, -- its name
    from_lang text,
    languages jsonb,
    created   timestamptz NOT NULL DEFAULT '0001-01-01 00:00:00+00',
    ended     timestamptz,
    state     text,
    why       text,
    consent   timestamptz,
    engines   jsonb,
    fence     bigint NOT NULL DEFAULT 0
);

CREATE INDEX recordings_created ON recordings (created, id);
