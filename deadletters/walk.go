package deadletters

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/sqsqueue"
)

const (
	// walkers is how many receives are under way at once.
	walkers = 4
	// maxBatch is SQS's limit of a batch ("Amazon SQS message quotas").
	maxBatch = 10
	// margin is what must be left of a lease for a request that needs it to be ours.
	margin = 5 * time.Second
	// pollWait makes a receive ask all of SQS's servers: without a wait it asks some, and can miss what is there.
	pollWait = 1
	// receiveTimeout bounds a receive. It has a context of its own: one that was broken off would hide what it brought.
	receiveTimeout = 20 * time.Second
	// returnTimeout bounds giving back, which also an interrupted command does.
	returnTimeout = 10 * time.Second
)

// held is a letter that was received, and until when it is ours.
type held struct {
	Letter
	handle  string
	expires time.Time
	// again means that it was handed out before: its lease ran out meanwhile, or a deletion has not worked.
	again bool
}

func (h *held) ours(now time.Time) bool { return now.Add(margin).Before(h.expires) }

// A walk receives each letter that is visible, and hands it out, several batches at once. It ends when a receive brings
// nothing, when only letters come that were handed out before, when done says so, or when the context ends.
type walk struct {
	queue *Queue
	ask   int // messages in a receive
	count int // receives at once
	// visit handles letters. What is deleted afterwards must be said by forget; everything else is given back at the end.
	visit func(ctx context.Context, letters []held) error
	// done ends the walk early.
	done func() bool

	mu      sync.Mutex
	holding map[string]*held // by message ID
	idle    int              // letters that came again since the last new one
	ended   bool
}

func (w *walk) run(ctx context.Context) error {
	w.holding = map[string]*held{}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for range w.count {
		all.Go(func() {
			if err := w.each(ctx); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	w.giveBack(ctx)
	return context.Cause(ctx)
}

func (w *walk) each(ctx context.Context) error {
	for ctx.Err() == nil && !w.over() {
		letters, err := w.receive(ctx)
		if err != nil {
			return err
		}
		if len(letters) == 0 {
			return nil
		}
		if err := w.visit(ctx, w.note(letters)); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) over() bool {
	if w.done != nil && w.done() {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

func (w *walk) receive(ctx context.Context) ([]held, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), receiveTimeout)
	defer cancel()
	expires := time.Now().Add(Hold) // from before the request: SQS's clock starts later
	out, err := w.queue.api.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: aws.String(w.queue.deadURL), MaxNumberOfMessages: int32(w.ask),
		VisibilityTimeout: int32(Hold / time.Second), WaitTimeSeconds: pollWait,
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		MessageAttributeNames:       []string{"All"},
	})
	if err != nil {
		return nil, sqsqueue.NewError("receive", w.queue.dead, err)
	}
	letters := make([]held, len(out.Messages))
	for i, m := range out.Messages {
		letters[i] = held{Letter: w.queue.read(m), handle: aws.ToString(m.ReceiptHandle), expires: expires}
	}
	return letters, nil
}

// note remembers what is held, and marks what was handed out before.
func (w *walk) note(letters []held) []held {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range letters {
		l := &letters[i]
		if _, l.again = w.holding[l.MessageID]; l.again {
			w.idle++
		} else {
			w.idle = 0
		}
		w.holding[l.MessageID] = &held{Letter: Letter{MessageID: l.MessageID}, handle: l.handle, expires: l.expires}
	}
	// Everything came round once more, and nothing new with it.
	w.ended = w.ended || w.idle > len(w.holding)
	return letters
}

// forget says that letters are gone.
func (w *walk) forget(letters ...held) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range letters {
		delete(w.holding, l.MessageID)
	}
}

// retry lets letters come as if they were new: they could not be handled while they were ours.
func (w *walk) retry(letters ...held) { w.forget(letters...) }

// giveBack makes visible what is still held. What fails is visible when its time is over.
func (w *walk) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), returnTimeout)
	defer cancel()
	var all sync.WaitGroup
	slots := make(chan struct{}, 2*walkers)
	batch := make([]types.ChangeMessageVisibilityBatchRequestEntry, 0, maxBatch)
	flush := func() {
		entries := batch
		batch = make([]types.ChangeMessageVisibilityBatchRequestEntry, 0, maxBatch)
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			_, _ = w.queue.api.ChangeMessageVisibilityBatch(ctx, &sqs.ChangeMessageVisibilityBatchInput{
				QueueUrl: aws.String(w.queue.deadURL), Entries: entries,
			})
		})
	}
	now := time.Now()
	for _, h := range w.holding {
		if !now.Before(h.expires) {
			continue
		}
		batch = append(batch, types.ChangeMessageVisibilityBatchRequestEntry{
			Id: aws.String(strconv.Itoa(len(batch))), ReceiptHandle: aws.String(h.handle), VisibilityTimeout: 0,
		})
		if len(batch) == maxBatch {
			flush()
		}
	}
	if len(batch) > 0 {
		flush()
	}
	all.Wait()
}

// remove deletes letters that are held, and returns those that SQS has confirmed.
func (w *walk) remove(ctx context.Context, letters []held) (gone []held, err error) {
	if len(letters) == 0 {
		return nil, nil
	}
	entries := make([]types.DeleteMessageBatchRequestEntry, len(letters))
	for i, l := range letters {
		entries[i] = types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: aws.String(l.handle)}
	}
	out, err := w.queue.api.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: aws.String(w.queue.deadURL), Entries: entries})
	if err != nil {
		return nil, sqsqueue.NewError("delete", w.queue.dead, err)
	}
	for _, e := range out.Successful {
		if i, err := strconv.Atoi(aws.ToString(e.Id)); err == nil && i >= 0 && i < len(letters) {
			gone = append(gone, letters[i])
		}
	}
	w.forget(gone...)
	return gone, nil
}

// interrupted reports whether an error says only that the caller's context ended.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}
