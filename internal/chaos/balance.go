package chaos

import (
	"cmp"
	"slices"
	"time"

	"github.com/coretasks/core/results"
)

// balance holds the evidence against the promises.
func (l *Ledger) balance(e *evidence) {
	l.FailedStarts, l.CutShort = e.failedStarts, len(e.cutShort)
	if l.calm() {
		for _, text := range e.cutShort {
			l.violate("%s", text)
		}
	}
	for _, t := range e.trouble {
		l.violate("%s", t)
	}
	for _, j := range e.jobs {
		slices.SortFunc(j.starts, byTime)
		slices.SortFunc(j.ends, byTime)
		l.count(j)
		l.fate(j)
		l.duplicates(e, j)
		l.cancellation(e, j)
		if l.Config.Store {
			l.record(j)
		}
	}
	l.acknowledgements(e)
	l.ticks(e)
}

// calm reports whether nothing but ends of workers happened, so that all requests were answered.
func (l *Ledger) calm() bool {
	for name := range l.Events {
		if name != stopWorker && name != killWorker {
			return false
		}
	}
	return true
}

func byTime(a, b deed) int { return a.at.Compare(b.at) }

func (l *Ledger) count(j *job) {
	if j.accepted || j.unknown || j.refused {
		l.Tried++
	}
	switch {
	case j.accepted:
		l.Accepted++
	case j.unknown:
		l.Unknown++
	case j.refused:
		l.Refused++
		if len(j.starts) > 0 {
			l.violate("job %s was refused, and has run", j.id)
		}
	}
	if len(j.ends) > 0 {
		l.Worked++
	}
	if len(j.starts) > 0 {
		l.Retried += len(j.starts) - 1
	}
	if j.letters > 0 {
		l.Dead[j.reason]++
	}
}

// fate: what was accepted has run to its end, or lies in the dead-letter queue with its reason, or was cancelled.
func (l *Ledger) fate(j *job) {
	cancelled := j.cancelledAs == string(results.Cancelled) || j.record != nil && j.record.State == results.Cancelled
	if cancelled && len(j.ends) == 0 {
		l.Cancelled++
	}
	if !j.accepted || len(j.ends) > 0 || j.letters > 0 || cancelled {
		return
	}
	l.Lost++
	l.violate("LOST: job %s (%s): accepted, started %d times, never finished, not in the dead-letter queue; record %v", j.id, j.kind, len(j.starts), state(j))
}

func state(j *job) string {
	if j.record == nil {
		return "none"
	}
	return string(j.record.State)
}

// duplicates: each effect beyond the first has a cause, and with a store none comes after a recorded success.
func (l *Ledger) duplicates(e *evidence, j *job) {
	for i := 1; i < len(j.ends); i++ {
		l.Duplicated[l.cause(e, j, j.ends[i-1], j.ends[i])]++
	}
	if j.record == nil || j.record.State != results.Succeeded || len(j.ends) == 0 {
		return
	}
	recorded := j.recorded()
	for _, s := range j.starts {
		// The record's time is taken before its write, which may take as long as the store is busy.
		if s.at.After(recorded.Add(storeWrite)) && !during(e.outages, s) {
			l.violate("job %s started at %v although its success was recorded at %v", j.id, s.at, recorded)
		}
	}
}

// recorded is when the record says that the job finished, by the machine's clock: that of the worker which has written it may have been
// set. It is the worker whose clock then said the same.
func (j *job) recorded() time.Time {
	finished := j.record.FinishedAt
	nearest := slices.MinFunc(j.ends, func(a, b deed) int {
		return cmp.Compare(finished.Sub(a.clock).Abs(), finished.Sub(b.clock).Abs())
	})
	return nearest.at.Add(finished.Sub(nearest.clock))
}

// storeWrite is how long a write of a record may take.
const storeWrite = time.Second

// during reports whether a deed fell into an interval of its process, or of all.
func during(all []interval, d deed) bool {
	return slices.ContainsFunc(all, func(i interval) bool {
		return (i.pid == 0 || i.pid == d.pid) && d.at.After(i.begin) && d.at.Before(i.end)
	})
}

// cause says why a job that had its effect had it again.
func (l *Ledger) cause(e *evidence, j *job, first, again deed) string {
	killed, was := e.kills[first.pid]
	switch {
	case j.messages > 1 && j.kind == kindTick:
		return "tick fired twice"
	case j.messages > 1:
		return "sent twice, an answer was lost"
	case was && killed.After(first.at) && killed.Sub(first.at) < visibility:
		return "worker killed before its acknowledgement"
	case slices.ContainsFunc(e.steps, func(i interval) bool { return i.begin.Before(again.at) && i.end.After(first.at) }):
		return "clock stepped"
	}
	return "acknowledgement or heartbeat lost for the visibility timeout"
}

// cancellation: what was cancelled before it ran does not run.
func (l *Ledger) cancellation(e *evidence, j *job) {
	if j.cancelledAs != string(results.Cancelled) {
		return
	}
	for _, s := range j.starts {
		if s.at.After(j.cancelled) && !during(e.outages, s) {
			l.violate("job %s started at %v although it was cancelled at %v", j.id, s.at, j.cancelled)
		}
	}
}

// record: with empty queues no record waits, and each tells what happened.
func (l *Ledger) record(j *job) {
	if j.record == nil {
		// A job that has finished is recorded by its worker, whatever became of the sender's own record.
		if len(j.ends) > 0 {
			l.violate("job %s finished and has no record", j.id)
		}
		return
	}
	if j.record.State == results.Queued && !j.accepted && j.messages == 0 {
		return // its sender was told that it may not have been sent, and did not send it again
	}
	switch state := j.record.State; state {
	case results.Queued, results.Running, results.Retrying:
		l.violate("job %s has a record in state %s, and the queues are empty (%d messages, %d starts, %d ends, dead letter: %q)",
			j.id, state, j.messages, len(j.starts), len(j.ends), j.reason)
	case results.Succeeded:
		if len(j.ends) == 0 {
			l.violate("job %s has a record in state %s and never finished", j.id, state)
		}
	case results.Dead:
		if j.letters == 0 {
			l.violate("job %s has a record in state %s and no dead letter", j.id, state)
		}
	case results.Cancelled:
	}
}

// acknowledgements: no message is deleted before its job has finished, is in the dead-letter queue, or was cancelled.
func (l *Ledger) acknowledgements(e *evidence) {
	for _, d := range e.deletes {
		j := e.jobs[d.job]
		if j == nil {
			l.violate("a message was deleted that nobody had received")
			continue
		}
		finished := len(j.ends) > 0 && !j.ends[0].at.After(d.at)
		buried := !j.letterSent.IsZero() && !j.letterSent.After(d.at)
		postponed := !j.sentAgain.IsZero() && !j.sentAgain.After(d.at)
		cancelled := !j.cancelled.IsZero() && !j.cancelled.After(d.at.Add(time.Second)) // noted after it was done
		if !finished && !buried && !postponed && !cancelled {
			l.violate("a message of job %s (%s) was deleted before the job had finished", j.id, j.kind)
		}
	}
}
