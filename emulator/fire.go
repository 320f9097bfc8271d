package emulator

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/coretasks/core/emulator/internal/schedule"
)

const (
	// maxSleep bounds the firing loop's sleep: its timer stands still while a laptop sleeps, and knows nothing of a clock
	// that is set.
	maxSleep = time.Minute
	// fireBatch is how many schedules may fire in one transaction, during which nothing else happens.
	fireBatch = 50
	// fireRetry is the pause after a commit that failed.
	fireRetry = time.Second
	// maxErrorMessage bounds, in bytes, what a dead letter says of an error, which can quote a value as long as the Input.
	maxErrorMessage = 512
)

// startFiring starts the firing loop where it is needed and not yet there; e.mu is held.
func (e *Emulator) startFiring() {
	if e.timetable.running || e.timetable.count == 0 || e.waitsEnded() {
		return
	}
	e.timetable.running = true
	e.tasks.Go(e.fireLoop)
}

// fireLoop fires what is due until the emulator is closed or its waits are ended. With nothing in sight it only waits.
func (e *Emulator) fireLoop() {
	timer := time.NewTimer(maxSleep)
	defer timer.Stop()
	for {
		next, err := e.fireDue()
		switch {
		case err != nil:
			timer.Reset(fireRetry)
		case next.IsZero():
			timer.Stop()
		default:
			timer.Reset(min(time.Until(next), maxSleep))
		}
		select {
		case <-e.done:
			return
		case <-e.endWaits:
			return
		case <-e.timetable.wake:
		case <-timer.C:
		}
	}
}

// fireDue fires what is due and tells when there is more to do. A firing and the note of it are one transaction, so that
// a crash neither loses nor repeats it.
func (e *Emulator) fireDue() (next time.Time, err error) {
	err = e.update(func(t *tx) error {
		now := time.Now()
		for range fireBatch {
			s := e.timetable.due.top()
			if s == nil || s.wake > now.UnixMilli() {
				break
			}
			t.fire(s, now)
		}
		if s := e.timetable.due.top(); s != nil {
			next = time.UnixMilli(s.wake)
		}
		return nil
	})
	return next, err
}

// fire makes the attempts of one schedule that are due.
func (t *tx) fire(s *scheduleState, now time.Time) {
	p, missed := s.timing.Advance(s.progress, now)
	if missed {
		t.e.cfg.Logger.Warn("firings of a schedule were missed while nothing ran; only the latest counts",
			"schedule", t.e.scheduleARN(s))
	}
	var waiting []schedule.Firing
	finished := false
	for _, f := range p.Pending {
		if f.Next.After(now) {
			waiting = append(waiting, f)
			continue
		}
		a := t.e.attempt(s, f)
		body, err := t.deliver(s.Definition.Target, a)
		if err == nil {
			finished = true
			continue
		}
		f, exhausted := s.timing.Failed(f, now)
		if exhausted == "" {
			waiting = append(waiting, f)
			continue
		}
		finished = true
		t.giveUp(s, &letter{attempt: a, body: body, err: asFault(err), exhausted: exhausted})
	}
	p.Pending = waiting
	if finished && s.Definition.ActionAfterCompletion == types.ActionAfterCompletionDelete && s.timing.Over(p) {
		t.deleteSchedule(s)
		return
	}
	t.setProgress(s, p)
}

func (e *Emulator) attempt(s *scheduleState, f schedule.Firing) *schedule.Attempt {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return &schedule.Attempt{
		ScheduleARN: e.scheduleARN(s), Account: e.cfg.AccountID, Region: s.Region,
		Execution: hex.EncodeToString(id[:]), Number: f.Attempts + 1, Scheduled: f.Scheduled,
	}
}

// deliver makes one attempt. Entries of a batch that SQS refuses are lost, as on AWS: the call itself succeeded.
func (t *tx) deliver(target *types.Target, a *schedule.Attempt) (body []byte, err error) {
	r, err := schedule.NewRequest(target, a, t.e.queueURL)
	if err != nil {
		return nil, err
	}
	sqs := t.e.SQS().In(a.Region)
	if r.QueueARN != "" && sqs.byARN(r.QueueARN) == nil {
		return r.Body, faultQueueDoesNotExist()
	}
	request, err := sqs.readable(r.Body, true)
	if err != nil {
		return r.Body, err
	}
	if r.Operation == schedule.SendMessageBatch {
		in := &sendBatchRequest{}
		if err := json.Unmarshal(request, in); err != nil {
			return r.Body, faultSerialization(err)
		}
		_, err = t.sendBatch(sqs.prepareBatch(in))
		return r.Body, err
	}
	in := &sendRequest{}
	if err := json.Unmarshal(request, in); err != nil {
		return r.Body, faultSerialization(err)
	}
	return r.Body, t.sendOne(sqs.prepareOne(in))
}

// queueURL is the URL of a queue by its ARN, arn:PARTITION:sqs:REGION:ACCOUNT:NAME.
func (e *Emulator) queueURL(arn string) string {
	parts := strings.Split(arn, ":")
	return e.urlOf(e.cfg.BaseURL, inRegion{parts[3], parts[5]})
}

// letter is a firing that was given up, for the dead-letter queue.
type letter struct {
	attempt   *schedule.Attempt
	body      []byte
	err       *fault
	exhausted string
}

// giveUp sends a dead letter where the schedule has a queue for it.
func (t *tx) giveUp(s *scheduleState, l *letter) {
	log := t.e.cfg.Logger.With("schedule", l.attempt.ScheduleARN, "code", l.err.name(), "reason", l.exhausted)
	target := s.Definition.Target
	if target.DeadLetterConfig == nil || target.DeadLetterConfig.Arn == nil {
		log.Warn("a firing failed and was given up; the schedule has no dead-letter queue")
		return
	}
	q := t.e.SQS().In(s.Region).byARN(*target.DeadLetterConfig.Arn)
	if q == nil {
		log.Warn("a firing failed and was given up; the schedule's dead-letter queue does not exist",
			"queue", *target.DeadLetterConfig.Arn)
		return
	}
	o := &outgoing{}
	o.sender = t.e.cfg.AccountID
	o.attrs = l.attributes(aws.ToString(target.Arn))
	room := q.settings.maxSize
	for name, a := range o.attrs {
		room -= a.size(name)
	}
	o.body = sendable(string(l.body))
	if len(o.body) > room-1 { // one more for "false", which becomes "true"
		o.body = shorten(o.body, max(room-1, utf8.UTFMax)) // a message must have a body
		o.attrs["IS_PAYLOAD_TRUNCATED"] = stringAttribute("true")
	}
	o.digest(nil)
	q.sweep(t, nowMilli())
	t.send(q, o)
}

// attributes are those of the user guide's "Configuring a schedule's dead-letter queue".
func (l *letter) attributes(target string) map[string]attribute {
	return map[string]attribute{
		"ERROR_CODE":                stringAttribute(l.err.name()),
		"ERROR_MESSAGE":             stringAttribute(shorten(sendable(l.err.message), maxErrorMessage)),
		"EXECUTION_ID":              stringAttribute(l.attempt.Execution),
		"EXHAUSTED_RETRY_CONDITION": stringAttribute(l.exhausted),
		"IS_PAYLOAD_TRUNCATED":      stringAttribute("false"),
		"RETRY_ATTEMPTS":            stringAttribute(strconv.Itoa(l.attempt.Number - 1)),
		"SCHEDULED_TIME":            stringAttribute(l.attempt.Scheduled.UTC().Format(time.RFC3339)),
		"SCHEDULE_ARN":              stringAttribute(l.attempt.ScheduleARN),
		"TARGET_ARN":                stringAttribute(target),
	}
}

func stringAttribute(s string) attribute { return attribute{Type: "String", String: s} }

// shorten cuts a text to a number of bytes, between two characters.
func shorten(s string, longest int) string {
	if len(s) <= longest {
		return s
	}
	return strings.ToValidUTF8(s[:longest], "")
}

// sendable replaces what a message must not contain.
func sendable(s string) string {
	if isText(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if !isText(string(r)) {
			return utf8.RuneError
		}
		return r
	}, s)
}
