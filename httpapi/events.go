package httpapi

import (
	"bytes"
	"fmt"
	"net/http"
	"time"

	"github.com/coretasks/core/results"
)

// events answers GET /jobs/{id}/events with server-sent events.
//
// The latest record comes at once, as an event "state", and again whenever it changes: as "state" where the state, the
// attempt or a requested cancellation differ from the last, else as "progress". The end of the job is an event "end", and
// the stream closes. A browser's EventSource then connects again with the ID of "end", and a 204 stops it. A client that
// reads slowly misses progress in between, never the latest.
func (a *API) events(w *response, r *http.Request, id string) error {
	if _, err := query(r); err != nil {
		return err
	}
	if err := a.enter(); err != nil {
		return err
	}
	defer a.leave()
	sub, err := a.watch(r.Context(), id)
	if err != nil {
		return err
	}
	defer sub.close()
	if now := sub.latest(); now.record.State.Final() && r.Header.Get("Last-Event-ID") == endID(now) {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would wait for a full buffer
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	w.patient()
	s := stream{w: w, limit: a.tune.writeTimeout}
	fmt.Fprintf(&s.buf, "retry: %d\n\n", retryTime.Milliseconds())
	return a.stream(r, sub, &s)
}

func (a *API) stream(r *http.Request, sub *subscription, s *stream) error {
	beat := time.NewTicker(a.tune.heartbeat)
	defer beat.Stop()
	for {
		now := sub.latest()
		s.show(now)
		if !s.flush() {
			return errGone
		}
		if now.over() {
			return nil
		}
		select {
		case <-sub.changed:
		case <-beat.C:
			s.buf.WriteString(": still here\n\n")
		case <-a.stopping:
			return nil
		case <-r.Context().Done():
			return errGone
		}
	}
}

// A stream is one client's.
type stream struct {
	w     *response
	limit time.Duration
	buf   bytes.Buffer
	last  *snapshot // that was sent
}

// show writes the events of a snapshot that was not sent yet.
func (s *stream) show(now *snapshot) {
	if now == s.last {
		return
	}
	last := s.last
	s.last = now
	if now.gone {
		data, _ := marshal(unknownJob(now.record.ID))
		s.event("gone", "", data)
		return
	}
	kind := "state"
	if last != nil && !turned(last.record, now.record) {
		kind = "progress"
	}
	s.event(kind, now.id, now.data)
	if now.record.State.Final() {
		data, _ := marshal(ending{now.record.ID, now.record.State})
		s.event("end", endID(now), data)
	}
}

type ending struct {
	ID    string        `json:"id"`
	State results.State `json:"state"`
}

func endID(now *snapshot) string { return now.id + "-end" }

// turned reports whether more than the progress is new.
func turned(a, b results.Record) bool {
	return a.State != b.State || a.Attempt != b.Attempt || a.Runs != b.Runs || a.CancelRequested != b.CancelRequested
}

func (s *stream) event(kind, id string, data []byte) {
	s.buf.WriteString("event: " + kind + "\n")
	if id != "" {
		s.buf.WriteString("id: " + id + "\n")
	}
	s.buf.WriteString("data: ")
	s.buf.Write(bytes.TrimSuffix(data, []byte("\n")))
	s.buf.WriteString("\n\n")
}

// flush sends what was written, within the limit. A client that does not take it is given up.
func (s *stream) flush() bool {
	if s.buf.Len() == 0 {
		return true
	}
	s.w.deadline(s.limit)
	_, err := s.w.Write(s.buf.Bytes())
	s.buf.Reset()
	if s.buf.Cap() > 64<<10 {
		s.buf = bytes.Buffer{} // one large result must not be held for as long as the stream lasts
	}
	if err == nil {
		err = http.NewResponseController(s.w.ResponseWriter).Flush()
	}
	return err == nil
}
