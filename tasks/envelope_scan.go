package tasks

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"
)

// decodeText is DecodeEnvelope for what the executor is handed. Almost every body is one that Encode wrote; scanning
// that form takes a fifth of the time that encoding/json needs, which would otherwise be half of a run's overhead.
// Whatever looks different in the least is left to encoding/json.
func decodeText(body string) (Envelope, error) {
	if e, ok := scanEnvelope(body); ok {
		return e, nil
	}
	return DecodeEnvelope([]byte(body))
}

// scanEnvelope reads a body of exactly the form
//
//	{"v":1,"id":"…","task":"…","params":…,"enqueued_at":"…","not_before":"…","trace":{"…":"…",…}}
//
// with plain ASCII strings, in which the last two members may be missing. FuzzScanEnvelope compares it with
// DecodeEnvelope.
func scanEnvelope(body string) (e Envelope, ok bool) {
	const (
		head   = `{"v":1,"id":"`
		task   = `","task":"`
		args   = `","params":`
		made   = `,"enqueued_at":"`
		due    = `,"not_before":"`
		traced = `,"trace":{`
	)
	rest, ok := strings.CutPrefix(body, head)
	if !ok {
		return e, false
	}
	if e.ID, rest, ok = cutPlain(rest, task); !ok {
		return e, false
	}
	if e.Task, rest, ok = cutPlain(rest, args); !ok {
		return e, false
	}
	// From the end: inside a JSON string the quotes would be escaped, and as a member of the parameters it would not be
	// followed by what may follow here.
	at := strings.LastIndex(rest, made)
	if at < 0 {
		return e, false
	}
	params, rest := rest[:at], rest[at+len(made):]
	if rest, ok = scanTime(rest, &e.EnqueuedAt); !ok {
		return e, false
	}
	if after, found := strings.CutPrefix(rest, due); found {
		if rest, ok = scanTime(after, &e.NotBefore); !ok {
			return e, false
		}
	}
	if after, found := strings.CutPrefix(rest, traced); found {
		if rest, ok = e.scanTrace(after); !ok {
			return e, false
		}
	}
	e.Version, e.Params = EnvelopeVersion, json.RawMessage(params)
	return e, rest == "}" && strings.TrimSpace(params) == params && utf8.ValidString(params) && json.Valid(e.Params)
}

// scanTime reads a time and the quote behind it.
func scanTime(s string, to *time.Time) (rest string, ok bool) {
	text, rest, ok := cutPlain(s, `"`)
	return rest, ok && to.UnmarshalText([]byte(text)) == nil
}

// scanTrace reads the members of a trace and the brace behind them.
func (e *Envelope) scanTrace(s string) (rest string, ok bool) {
	e.Trace = map[string]string{}
	for {
		if s, ok = strings.CutPrefix(s, `"`); !ok {
			return "", false
		}
		var name, value string
		if name, s, ok = cutPlain(s, `":"`); !ok {
			return "", false
		}
		if value, s, ok = cutPlain(s, `"`); !ok {
			return "", false
		}
		if _, twice := e.Trace[name]; twice {
			return "", false
		}
		e.Trace[name] = value
		if rest, ok = strings.CutPrefix(s, "}"); ok {
			return rest, true
		}
		if s, ok = strings.CutPrefix(s, ","); !ok {
			return "", false
		}
	}
}

// cutPlain splits at a separator that begins with the quote that ends a plain, not empty string.
func cutPlain(s, separator string) (text, rest string, ok bool) {
	end := strings.IndexByte(s, '"')
	if end <= 0 || !isPlain(s[:end]) || !strings.HasPrefix(s[end:], separator) {
		return "", "", false
	}
	return s[:end], s[end+len(separator):], true
}

// isPlain reports whether s means itself inside a JSON string.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c > 0x7E || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
