package httpapi

import (
	"net/http"
	"strconv"
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
	s.write("retry: ", strconv.FormatInt(retryTime.Milliseconds(), 10), "\n\n")
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
			s.write(": still here\n\n")
		case <-a.stopping:
			return nil
		case <-r.Context().Done():
			return errGone
		}
	}
}

// A stream is one client's.
type stream struct {
	w      *response
	limit  time.Duration
	last   *snapshot // that was sent
	unsent bool      // something was written since the last flush
	err    error     // of the first write that failed
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
	s.write("event: ", kind, "\n")
	if id != "" {
		s.write("id: ", id, "\n")
	}
	s.write("data: ")
	s.send(data)
	s.write("\n\n")
}

func (s *stream) write(parts ...string) {
	for _, part := range parts {
		s.send([]byte(part))
	}
}

// send hands bytes to the server, whose buffer is small: what a client does not take is not gathered here.
func (s *stream) send(p []byte) {
	if !s.unsent {
		s.unsent = true
		s.w.deadline(s.limit)
	}
	if s.err == nil {
		_, s.err = s.w.Write(p)
	}
}

// flush sends what was written. A client that did not take it within the limit is given up.
func (s *stream) flush() bool {
	if s.unsent && s.err == nil {
		s.err = http.NewResponseController(s.w.ResponseWriter).Flush()
		s.w.patient()
	}
	s.unsent = false
	return s.err == nil
}
