package deadletters

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// Redrive says which letters go back to their queue, and how fast.
type Redrive struct {
	// Filter says which. Malformed letters would come straight back, and so are refused, unless the filter asks for them
	// by their reason or by ID: after a deployment that mends the parameters' type, for example.
	Filter Filter
	// Rate is how many go back each second; 0 is as fast as it goes.
	Rate float64
	// Progress, unless nil, is called after each request, by one goroutine at a time.
	Progress func(Progress)
}

// A Refusal is a letter that stays where it is.
type Refusal struct {
	ID  string `json:"id"` // the job's, or the message's
	Why string `json:"why"`
}

// maxRefusals bounds how many refusals are named.
const maxRefusals = 100

// A Report is what a redrive has done.
type Report struct {
	Redriven int `json:"redriven"`
	// Unknown is how many letters stay although they may have been sent back, since the answer was lost: the next redrive sends them
	// again.
	Unknown int `json:"unknown"`
	// Finished is how many letters were deleted since their job has succeeded meanwhile, by its record.
	Finished int `json:"finished"`
	// Refused is how many matched and stay where they are, and Refusals names the first hundred of them.
	Refused  int       `json:"refused"`
	Refusals []Refusal `json:"refusals,omitempty"`
	// Again is how many letters stay since they came while this went on, of jobs that it had redriven: dead again already.
	Again int `json:"again"`
	// Others is how many did not match.
	Others int `json:"others"`
	// Hidden is how many letters somebody else holds; they can be redriven after [Hold].
	Hidden int `json:"hidden"`
}

// Redrive sends letters back to their queue, as they were when their producer sent them: the body to the byte, its own
// attributes, and with a count of attempts that begins anew. Each is sent before it is deleted, so an interruption at any
// point loses none, and the redrive can be run again. At most the letters of the requests under way (ten each, four at
// once, one at a time where the rate is below 40 a second) are then sent twice; with records, the second delivery of a
// job that has succeeded is not run.
//
// Two redrives at once share the letters: what one has received is hidden from the other, and nothing is sent that could
// have become visible again meanwhile. A request that takes longer than that is broken off; whether it arrived is not known
// then, and its letters stay.
//
// The report says what was done until then also where there is an error. With a Filter.ID that no letter has it is a
// [*NotFoundError].
func (q *Queue) Redrive(ctx context.Context, r Redrive) (Report, error) {
	depth, err := q.Depth(ctx)
	if err != nil {
		return Report{}, err
	}
	d := &redrive{queue: q, Redrive: r, began: time.Now(), sent: map[string]bool{}, jobs: map[string]bool{}, total: depth.Visible}
	d.walk = &walk{queue: q, ask: maxBatch, count: walkers, visit: d.visit, done: d.done}
	if r.Rate > 0 {
		d.pace.interval = time.Duration(float64(time.Second) / r.Rate)
		if r.Rate < maxBatch*walkers {
			d.walk.count = 1
			d.walk.ask = min(max(int(r.Rate), 1), maxBatch)
		}
	}
	err = d.walk.run(ctx)
	if err == nil || interrupted(ctx, err) {
		if after, depthErr := q.Depth(context.WithoutCancel(ctx)); depthErr == nil {
			d.report.Hidden = after.Hidden
		}
	}
	if err == nil && r.Filter.ID != "" && !d.found() {
		err = &NotFoundError{Queue: q.dead, ID: r.Filter.ID, Hidden: d.report.Hidden}
	}
	return d.report, err
}

type redrive struct {
	Redrive
	queue *Queue
	walk  *walk
	pace  pace
	total int
	began time.Time

	mu     sync.Mutex
	sent   map[string]bool // by message ID: those that were sent; true until they are deleted
	jobs   map[string]bool // those of the letters that were sent
	report Report
}

// found reports whether a letter was meant.
func (d *redrive) found() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.report.Redriven+d.report.Finished+d.report.Refused > 0
}

// done ends the search for one letter.
func (d *redrive) done() bool {
	if d.Filter.ID == "" || !d.found() {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return !slices.Contains(slices.Collect(maps.Values(d.sent)), true)
}

// visit carries out what becomes of some letters.
func (d *redrive) visit(ctx context.Context, letters []held) error {
	var forward, sent []held
	for _, l := range letters {
		why := d.refuse(l.Letter)
		switch {
		case d.wasSent(l):
			sent = append(sent, l)
		case d.cameBack(l):
		case !d.Filter.Match(l.Letter):
			d.other(l)
		case why != "":
			d.leave(l, why)
		default:
			forward = append(forward, l)
		}
	}
	_, err := d.remove(ctx, sent)
	for _, group := range groups(forward) {
		if err == nil {
			err = d.forward(ctx, group)
		}
	}
	return err
}

// refuse says why a letter should stay where it is.
func (d *redrive) refuse(l Letter) string {
	malformed := l.Malformed
	if malformed == "" && l.Reason == tasks.ReasonMalformed {
		malformed = l.FirstLine()
	}
	if malformed == "" || d.Filter.ID != "" || d.Filter.Reason == tasks.ReasonMalformed {
		return ""
	}
	return fmt.Sprintf("it would come straight back (%s); name it, or its reason %q, to redrive it all the same", malformed, l.Reason)
}

// cameBack reports, and counts, a letter of a job that was redriven just now: it would go round for ever. Of letters without a
// job many can have the same body: those that were there before are no ones that came back.
func (d *redrive) cameBack(l held) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	back := d.jobs[job(l)] && (l.JobID != "" || l.SentAt.IsZero() || !l.SentAt.Before(d.began))
	if back && !l.again {
		d.report.Again++
		d.tell()
	}
	return back
}

// job names a letter's job, or where it has no ID its body.
func job(l held) string {
	if l.JobID != "" {
		return l.JobID
	}
	sum := sha256.Sum256([]byte(l.Body))
	return string(sum[:])
}

// groups splits letters so that each group fits into one request.
func groups(letters []held) [][]held {
	var all [][]held
	size := maxBytes
	for _, l := range letters {
		n := messageSize(l.Letter)
		if size+n > maxBytes {
			all, size = append(all, nil), 0
		}
		last := len(all) - 1
		all[last] = append(all[last], l)
		size += n
	}
	return all
}

// maxBytes is SQS's limit of a batch, attributes included ("Amazon SQS message quotas").
const maxBytes = 1 << 20

func messageSize(l Letter) int {
	n := len(l.Body)
	for name, a := range l.Attributes {
		n += len(name) + len(aws.ToString(a.DataType)) + len(aws.ToString(a.StringValue)) + len(a.BinaryValue)
	}
	return n
}

// forward puts the records of some letters back, sends the letters, and then deletes them.
func (d *redrive) forward(ctx context.Context, letters []held) error {
	if err := d.pace.wait(ctx, len(letters)); err != nil {
		return err
	}
	ready, ends := letters[:0:0], time.Now().Add(Hold)
	for _, l := range letters {
		if !l.ours(time.Now()) {
			d.walk.retry(l)
			continue
		}
		ready = append(ready, l)
		if l.expires.Before(ends) {
			ends = l.expires
		}
	}
	// An interruption lets this end, but not beyond the time for which the letters are ours.
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), ends)
	defer cancel()
	ready, finished, err := d.requeue(ctx, ready)
	if err != nil {
		return err
	}
	sent, err := d.send(ctx, ready)
	if err != nil {
		return err
	}
	gone, err := d.remove(ctx, append(sent, finished...))
	d.settle(sent, finished, gone)
	return err
}

// remove deletes letters. What fails comes again, and is not sent again then.
func (d *redrive) remove(ctx context.Context, letters []held) (gone []held, err error) {
	gone, err = d.walk.remove(ctx, letters)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range gone {
		if d.sent[l.MessageID] {
			d.sent[l.MessageID] = false
		}
	}
	return gone, err
}

// requeue puts the records back. Where the store can't be reached nothing is sent: a worker that finds a job dead in its
// record would only dead-letter it again.
func (d *redrive) requeue(ctx context.Context, letters []held) (ready, finished []held, err error) {
	if d.queue.records == nil {
		return letters, nil, nil
	}
	errs := make([]error, len(letters))
	var all sync.WaitGroup
	for i, l := range letters {
		if l.JobID == "" {
			continue // it has no record
		}
		all.Go(func() {
			_, errs[i] = d.queue.records.Requeue(ctx, results.Requeue{ID: l.JobID, At: time.Now().UTC(), DiedBy: l.diedBy()})
		})
	}
	all.Wait()
	for i, l := range letters {
		done, isDone := errors.AsType[*results.FinishedError](errs[i])
		active, isActive := errors.AsType[*results.ActiveError](errs[i])
		switch {
		case errs[i] == nil, errors.Is(errs[i], results.ErrNotFound), errors.Is(errs[i], results.ErrInvalid):
			ready = append(ready, l)
		case isDone && done.Record.State == results.Succeeded:
			finished = append(finished, l)
		case isDone:
			d.leave(l, "the job was cancelled; enqueue it anew if it should run, or purge the letter")
		case isActive:
			d.leave(l, fmt.Sprintf("the job is alive again already (%s)", active.Record.State))
		default:
			return nil, nil, fmt.Errorf("put the record of job %q back: %w", l.JobID, errs[i])
		}
	}
	return ready, finished, nil
}

// diedBy is by when the letter's job was dead. A letter tells it in whole seconds, rounded down.
func (l *Letter) diedBy() time.Time {
	if l.movedBySQS() {
		return time.Now().UTC() // or any time before: its workers could not say
	}
	return l.FailedAt.Add(time.Second)
}

// sendTries is how often letters are sent that surely did not arrive, such as those of a request that was throttled.
const sendTries = 5

// request sends once, and again only where the letters did not arrive: each repetition by the SDK could put them on the queue
// once more.
func (d *redrive) request(ctx context.Context, in *sqs.SendMessageBatchInput) (*sqs.SendMessageBatchOutput, error) {
	for try, wait := 1, 100*time.Millisecond; ; try, wait = try+1, 2*wait {
		out, err := d.queue.api.SendMessageBatch(ctx, in, func(o *sqs.Options) { o.RetryMaxAttempts = 1 })
		if err == nil || !sqsqueue.Unsent(err) || try == sendTries {
			return out, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// send returns the letters that their queue has accepted. What it refused stays and is named.
func (d *redrive) send(ctx context.Context, letters []held) (sent []held, err error) {
	if len(letters) == 0 {
		return nil, nil
	}
	entries := make([]types.SendMessageBatchRequestEntry, len(letters))
	for i, l := range letters {
		entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(l.Body), MessageAttributes: l.Attributes}
		if l.group != "" {
			entries[i].MessageGroupId = aws.String(l.group)
		}
	}
	out, err := d.request(ctx, &sqs.SendMessageBatchInput{QueueUrl: aws.String(d.queue.sourceURL), Entries: entries})
	if err != nil {
		wrapped := sqsqueue.NewError("send", d.queue.source, err)
		if sqsqueue.Unknown(err) || ctx.Err() != nil {
			d.mu.Lock()
			d.report.Unknown += len(letters)
			d.mu.Unlock()
			return nil, fmt.Errorf("%w: %w", tasks.ErrUnknownOutcome, wrapped)
		}
		return nil, wrapped
	}
	d.mu.Lock()
	for _, e := range out.Successful {
		if i, err := strconv.Atoi(aws.ToString(e.Id)); err == nil && i >= 0 && i < len(letters) {
			sent = append(sent, letters[i])
			d.sent[letters[i].MessageID] = true
			d.jobs[job(letters[i])] = true
		}
	}
	d.mu.Unlock()
	for _, f := range out.Failed {
		if i, err := strconv.Atoi(aws.ToString(f.Id)); err == nil && i >= 0 && i < len(letters) {
			d.leave(letters[i], "SQS refused it: "+aws.ToString(f.Code)+": "+aws.ToString(f.Message))
		}
	}
	return sent, nil
}

func (d *redrive) wasSent(l held) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, sent := d.sent[l.MessageID]
	return sent
}

// settle counts what was sent and what was finished before.
func (d *redrive) settle(sent, finished, gone []held) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.report.Redriven += len(sent)
	for _, f := range finished {
		for _, g := range gone { // ten at the most
			if f.MessageID == g.MessageID {
				d.report.Finished++
			}
		}
	}
	d.tell()
}

// other counts a letter that is not meant.
func (d *redrive) other(l held) {
	if l.again {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.report.Others++
	d.tell()
}

// leave counts and names a letter that stays.
func (d *redrive) leave(l held, why string) {
	if l.again {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.report.Refused++
	if len(d.report.Refusals) < maxRefusals {
		d.report.Refusals = append(d.report.Refusals, Refusal{ID: l.ID(), Why: why})
	}
	d.tell()
}

// tell shows progress; d.mu is held.
func (d *redrive) tell() {
	if d.Progress != nil {
		r := d.report
		d.Progress(Progress{Total: d.total, Done: r.Redriven + r.Finished, Others: r.Others + r.Refused + r.Again})
	}
}

// pace keeps to a rate.
type pace struct {
	interval time.Duration // of one letter; 0 is no limit

	mu   sync.Mutex
	next time.Time
}

// wait waits for the turn of n letters.
func (p *pace) wait(ctx context.Context, n int) error {
	if p.interval == 0 {
		return context.Cause(ctx)
	}
	p.mu.Lock()
	turn := time.Now()
	if p.next.After(turn) {
		turn = p.next
	}
	p.next = turn.Add(time.Duration(n) * p.interval)
	p.mu.Unlock()
	t := time.NewTimer(time.Until(turn))
	defer t.Stop()
	select {
	case <-t.C:
		return context.Cause(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
