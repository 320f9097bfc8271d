// Package lettertest is one suite of what operators do with dead letters, to be run on every endpoint.
package lettertest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/google/uuid"

	"github.com/coretasks/core/deadletters"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// Run runs the suite. Each case has queues of its own; enter calls it with an endpoint, in a bubble of fake time perhaps.
func Run(t *testing.T, enter func(*testing.T, func(*testing.T, deadletters.API))) {
	t.Helper()
	for name, test := range map[string]func(*Desk){
		"List":                   testList,
		"ListGivesBack":          testListGivesBack,
		"Find":                   testFind,
		"RedriveByReason":        testRedriveByReason,
		"RedriveOne":             testRedriveOne,
		"RedriveMalformed":       testRedriveMalformed,
		"RedriveRecords":         testRedriveRecords,
		"RedriveDeadAgain":       testRedriveDeadAgain,
		"RedriveAtARate":         testRedriveAtARate,
		"RedriveInterrupted":     testRedriveInterrupted,
		"TwoRedrives":            testTwoRedrives,
		"MovedBySQS":             testMovedBySQS,
		"Move":                   testMove,
		"MoveRefused":            testMoveRefused,
		"MoveInterrupted":        testMoveInterrupted,
		"MoveJoined":             testMoveJoined,
		"Purge":                  testPurge,
		"PurgeKeepsWhatIsNewer":  testPurgeKeepsWhatIsNewer,
		"RedrivenJobsRunAgain":   testRedrivenJobsRunAgain,
		"LargeLetters":           testLargeLetters,
		"AttributesOfAnyProgram": testAttributes,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			enter(t, func(t *testing.T, api deadletters.API) { test(New(t, api)) })
		})
	}
}

// A Desk is a queue with its dead letters, and what a test does there.
type Desk struct {
	*testing.T
	API    deadletters.API
	Prefix string
	// Records is a store that Open gives to what it opens, or nil.
	Records results.Store
	client  *sqsqueue.Client
	tasks   *tasks.Registry
	runs    chan string
	urls    map[string]string
}

// New makes a queue "default" with its dead-letter queue, under a prefix of its own.
func New(t *testing.T, api deadletters.API) *Desk {
	t.Helper()
	d := &Desk{T: t, API: api, Prefix: "dlq-" + uuid.NewString()[:8] + "-", urls: map[string]string{}, runs: make(chan string, 100)}
	run := func(ctx context.Context, _ map[string]any) error {
		a, _ := tasks.Current(ctx)
		d.runs <- fmt.Sprintf("%s %d", a.ID, a.Number)
		return nil
	}
	d.tasks = tasks.NewRegistry(tasks.Define("t", tasks.NoResult(run)))
	var err error
	if d.client, err = sqsqueue.New(api, sqsqueue.Config{Prefix: d.Prefix}); err != nil {
		t.Fatal(err)
	}
	if _, err = sqsqueue.Apply(t.Context(), d.client, d.tasks); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"default", "default-dlq"} {
		if d.urls[name], err = d.client.URL(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// Store makes a store of records.
func (d *Desk) Store() results.Store {
	d.Helper()
	store, err := sqlitestore.Open(filepath.Join(d.TempDir(), "jobs.db"), sqlitestore.Options{})
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() {
		if err := store.Close(); err != nil {
			d.Error(err)
		}
	})
	d.Records = store
	return store
}

// Open opens the dead letters.
func (d *Desk) Open() *deadletters.Queue {
	d.Helper()
	cfg := deadletters.Config{Prefix: d.Prefix}
	if d.Records != nil {
		cfg.Records = d.Records
	}
	q, err := deadletters.Open(d.Context(), d.API, "default", cfg)
	if err != nil {
		d.Fatal(err)
	}
	return q
}

// A Message is what a test puts into a queue, or finds there.
type Message struct {
	Body       string
	Attributes map[string]string
}

// Body is a job's envelope, with a member that this program does not know.
func Body(id, task string) string {
	return fmt.Sprintf(`{"v":1, "id":%q,"task":%q,"params":{"n": 1.50}, "enqueued_at":"2026-01-02T03:04:05Z","colour":"red"}`, id, task)
}

// Letter is a dead letter as a worker sends it.
func Letter(id, task string, reason tasks.Reason, failed time.Time, more ...string) Message {
	m := Message{Body: Body(id, task), Attributes: map[string]string{
		"reason": string(reason), "error": "it broke\nat line 7", "attempts": "4", "job_id": id, "failed_at": failed.UTC().Format(time.RFC3339),
	}}
	for i := 0; i+1 < len(more); i += 2 {
		m.Attributes[more[i]] = more[i+1]
	}
	return m
}

// Put sends messages to one of the two queues.
func (d *Desk) Put(queue string, messages ...Message) {
	d.Helper()
	for group := range slices.Chunk(messages, 10) {
		entries := make([]types.SendMessageBatchRequestEntry, len(group))
		for i, m := range group {
			attributes := map[string]types.MessageAttributeValue{}
			for name, value := range m.Attributes {
				kind := "String"
				if name == "attempts" {
					kind = "Number"
				}
				attributes[name] = types.MessageAttributeValue{DataType: aws.String(kind), StringValue: aws.String(value)}
			}
			entries[i] = types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(m.Body), MessageAttributes: attributes}
		}
		out, err := d.API.SendMessageBatch(d.Context(), &sqs.SendMessageBatchInput{QueueUrl: aws.String(d.urls[queue]), Entries: entries})
		if err != nil || len(out.Failed) > 0 {
			d.Fatal(out, err)
		}
	}
}

// Many makes letters "j0" to "j<n-1>" that failed a minute ago.
func Many(n int, reason tasks.Reason) []Message {
	letters := make([]Message, n)
	for i := range letters {
		letters[i] = Letter(fmt.Sprintf("j%d", i), "t", reason, time.Now().Add(-time.Minute))
	}
	return letters
}

// Take receives all that is visible in a queue, and keeps it hidden.
func (d *Desk) Take(queue string) []Message {
	d.Helper()
	var all []Message
	for {
		out, err := d.API.ReceiveMessage(d.Context(), &sqs.ReceiveMessageInput{
			QueueUrl: aws.String(d.urls[queue]), MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 600, MessageAttributeNames: []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameApproximateReceiveCount},
		})
		if err != nil {
			d.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return all
		}
		for _, m := range out.Messages {
			attributes := map[string]string{}
			for name, a := range m.MessageAttributes {
				attributes[name] = aws.ToString(a.StringValue)
			}
			all = append(all, Message{Body: aws.ToString(m.Body), Attributes: attributes})
		}
	}
}

// IDs are the jobs of messages, in order.
func IDs(messages []Message) []string {
	var ids []string
	for _, m := range messages {
		var env struct {
			ID string `json:"id"`
		}
		if json.Unmarshal([]byte(m.Body), &env) != nil {
			env.ID = "malformed"
		}
		ids = append(ids, env.ID)
	}
	slices.Sort(ids)
	return ids
}

// WantIDs compares what a queue has, and hides it.
func (d *Desk) WantIDs(queue string, want ...string) {
	d.Helper()
	slices.Sort(want)
	if got := IDs(d.Take(queue)); !slices.Equal(got, want) {
		d.Errorf("queue %s has %v, want %v", queue, got, want)
	}
}

// WantAll checks that each of the letters of Many is in exactly one of the queues, exactly once.
func (d *Desk) WantAll(n int) (source, dead int) {
	d.Helper()
	live, letters := IDs(d.Take("default")), IDs(d.Take("default-dlq"))
	seen := map[string]int{}
	for _, id := range slices.Concat(live, letters) {
		seen[id]++
	}
	for i := range n {
		if id := fmt.Sprintf("j%d", i); seen[id] != 1 {
			d.Errorf("job %s is in the queues %d times", id, seen[id])
		}
		delete(seen, fmt.Sprintf("j%d", i))
	}
	if len(seen) > 0 {
		d.Errorf("nobody sent %v", slices.Collect(maps.Keys(seen)))
	}
	return len(live), len(letters)
}
