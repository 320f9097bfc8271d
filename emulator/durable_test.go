package emulator_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/emulator"
)

const (
	childFile = "EMULATOR_TEST_CHILD_FILE"
	childWork = "EMULATOR_TEST_CHILD_WORK"
)

// TestMain lets the test binary be the process that a test kills.
func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		if os.Getenv(childWork) == workSchedules {
			schedulingChild(path)
		} else {
			child(path)
		}
		return
	}
	os.Exit(m.Run())
}

// child sends, receives and deletes until it is killed, and says what was acknowledged, line by line.
func child(path string) {
	e, err := emulator.Open(emulator.Config{Path: path})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	q, ctx := e.SQS(), context.Background()
	url, err := q.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("jobs")})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	say := func(words ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(words...)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				out, err := q.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: url.QueueUrl, MessageBody: aws.String("x")})
				if err != nil {
					return
				}
				say("sent", *out.MessageId)
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for {
				out, err := q.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
					QueueUrl: url.QueueUrl, MaxNumberOfMessages: 2, WaitTimeSeconds: 1, VisibilityTimeout: 600,
				})
				if err != nil || len(out.Messages) < 2 {
					return
				}
				m := out.Messages[0] // the other stays in flight
				say("received", *out.Messages[1].MessageId)
				say("deleting", *m.MessageId)
				_, err = q.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url.QueueUrl, ReceiptHandle: m.ReceiptHandle})
				if err != nil {
					return
				}
				say("deleted", *m.MessageId)
			}
		})
	}
	wg.Wait()
}

// What was acknowledged before kill -9 is there afterwards, once: sent messages, deletions, and receives with their
// visibility deadline and count.
func TestKilledProcessLosesAndRevivesNothing(t *testing.T) {
	t.Parallel()
	for round := range 3 {
		t.Run(strconv.Itoa(round), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			said := runAndKill(t, path, "", 1500*(round+1))
			e := open(t, emulator.Config{Path: path})
			c := e.SQS()
			url := create(t, c, "jobs", nil)
			visible := map[string]types.Message{}
			for {
				msgs := receive(t, c, url)
				if len(msgs) == 0 {
					break
				}
				for _, m := range msgs {
					if _, twice := visible[*m.MessageId]; twice {
						t.Errorf("message %s is there twice", *m.MessageId)
					}
					visible[*m.MessageId] = m
				}
			}
			for id := range said["received"] {
				if _, ok := visible[id]; ok {
					t.Errorf("message %s was in flight and was handed out at once", id)
				}
			}
			for id := range said["deleted"] {
				if _, ok := visible[id]; ok {
					t.Errorf("message %s was deleted and came back", id)
				}
			}
			lost := 0
			for id := range said["sent"] {
				if _, ok := visible[id]; !ok && !said["received"][id] && !said["deleting"][id] {
					lost++
				}
			}
			// Of the last receives the answer may not have been printed: two receivers of two messages each.
			if lost > 4 {
				t.Errorf("%d acknowledged messages are lost", lost)
			}
			total := len(visible) + len(said["received"])
			if kept := count(t, c, url, "NotVisible"); kept < total || kept > total+4 {
				t.Errorf("%d messages in flight, want %d to %d", kept, total, total+4)
			}
		})
	}
}

// runAndKill starts this program as a child that does some work and kills it after so many lines of what it says.
func runAndKill(t *testing.T, path, work string, lines int) map[string]map[string]bool {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFile+"="+path, childWork+"="+work)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	said := map[string]map[string]bool{}
	n := 0
	for scan := bufio.NewScanner(out); scan.Scan(); n++ {
		if n == lines {
			if err := cmd.Process.Kill(); err != nil { // SIGKILL; what is in the pipe still counts
				t.Fatal(err)
			}
		}
		word, id, _ := strings.Cut(scan.Text(), " ")
		if len(id) != 36 {
			continue // the line that the kill cut short
		}
		if said[word] == nil {
			said[word] = map[string]bool{}
		}
		said[word][id] = true
	}
	_ = cmd.Wait() // killed
	if n < lines {
		t.Fatalf("the child said only %d lines: %v", n, said)
	}
	return said
}

func TestReopeningKeepsEverything(t *testing.T) {
	t.Parallel()
	cfg := emulator.Config{Path: filepath.Join(t.TempDir(), "state #1?.db")}
	first, err := emulator.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := first.SQS()
	create(t, c, "jobs-dlq", nil)
	url := create(t, c, "jobs", map[string]string{
		"VisibilityTimeout": "77",
		"RedrivePolicy":     `{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:jobs-dlq","maxReceiveCount":"5"}`,
	})
	gone := create(t, c, "gone", nil)
	send(t, c, gone, "x")
	if _, err := c.DeleteQueue(t.Context(), &sqs.DeleteQueueInput{QueueUrl: &gone}); err != nil {
		t.Fatal(err)
	}
	_, err = c.TagQueue(t.Context(), &sqs.TagQueueInput{QueueUrl: &url, Tags: map[string]string{"team": "core"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("held"), MessageGroupId: aws.String("g"),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"b": {DataType: aws.String("Binary"), BinaryValue: []byte{1, 2}},
			"s": {DataType: aws.String("String.x"), StringValue: aws.String("v")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	before := receive(t, c, url)[0]
	send(t, c, url, "visible")
	_, err = c.SendMessage(t.Context(), &sqs.SendMessageInput{
		QueueUrl: &url, MessageBody: aws.String("delayed"), DelaySeconds: 900,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ListQueues(t.Context(), nil); err == nil {
		t.Error("a closed emulator answers")
	}

	c = open(t, cfg).SQS()
	list, err := c.ListQueues(t.Context(), nil)
	if err != nil || len(list.QueueUrls) != 2 {
		t.Errorf("queues %v, %v", list, err)
	}
	attrs, err := c.GetQueueAttributes(t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"All"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"VisibilityTimeout": "77", "ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesNotVisible": "1",
		"ApproximateNumberOfMessagesDelayed": "1",
	} {
		if got := attrs.Attributes[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	tags, err := c.ListQueueTags(t.Context(), &sqs.ListQueueTagsInput{QueueUrl: &url})
	if err != nil || tags.Tags["team"] != "core" {
		t.Errorf("tags %v, %v", tags, err)
	}
	_, err = c.ChangeMessageVisibility(t.Context(), &sqs.ChangeMessageVisibilityInput{
		QueueUrl: &url, ReceiptHandle: before.ReceiptHandle, // given out before the restart
	})
	if err != nil {
		t.Error(err)
	}
	for _, m := range receive(t, c, url) {
		if *m.Body != "held" {
			continue
		}
		if m.Attributes["ApproximateReceiveCount"] != "2" || m.Attributes["MessageGroupId"] != "g" ||
			*m.MD5OfMessageAttributes != *before.MD5OfMessageAttributes ||
			m.Attributes["SentTimestamp"] != before.Attributes["SentTimestamp"] {
			t.Errorf("%+v, before %+v", m, before)
		}
		return
	}
	t.Error("the message that was given back is not there")
}

// A move task that was running when the emulator ended goes on when it is opened again.
func TestReopeningGoesOnMoving(t *testing.T) {
	t.Parallel()
	cfg := emulator.Config{Path: filepath.Join(t.TempDir(), "state.db")}
	first, err := emulator.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := first.SQS()
	dead := create(t, c, "dead", nil)
	url := create(t, c, "jobs", redriveTo("dead", 2))
	for i := range 100 {
		send(t, c, dead, strconv.Itoa(i))
	}
	_, err = c.StartMessageMoveTask(t.Context(), &sqs.StartMessageMoveTaskInput{
		SourceArn: aws.String(arn("dead")), DestinationArn: aws.String(arn("jobs")),
		MaxNumberOfMessagesPerSecond: aws.Int32(100),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, cfg).SQS()
	seen := map[string]bool{}
	for len(seen) < 100 {
		msgs, _ := poll(t, c, url)
		if len(msgs) == 0 {
			t.Fatalf("only %d messages came", len(seen))
		}
		for _, m := range msgs {
			if seen[*m.Body] {
				t.Errorf("message %s came twice", *m.Body)
			}
			seen[*m.Body] = true
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	busy := filepath.Join(dir, "busy.db")
	open(t, emulator.Config{Path: busy})
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		want       error
		says       string
	}{
		{"open already", busy, emulator.ErrInUse, "in use by another process"},
		{"garbage", garbage, emulator.ErrCorrupt, "move it"},
		{"torn", tornFile(t), emulator.ErrCorrupt, "move it"},
		{"no directory", filepath.Join(dir, "no", "x.db"), fs.ErrNotExist, "create it first"},
		{"a directory", dir, fs.ErrInvalid, "name a file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := emulator.Open(emulator.Config{Path: test.path})
			var state *emulator.StateError
			if !errors.Is(err, test.want) || !errors.As(err, &state) || state.Path != test.path ||
				!strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// A process that has the file keeps others out, and its death lets them in.
func TestAnotherProcessIsKeptOut(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	e := open(t, emulator.Config{Path: path})
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFile+"="+path)
	out, err := cmd.Output()
	if err == nil || !strings.Contains(string(out), "in use by another process") {
		t.Errorf("the second process said %q, %v", out, err)
	}
	send(t, e.SQS(), create(t, e.SQS(), "jobs", nil), "x")
}

// tornFile is a state file of which the second half is missing.
func tornFile(t *testing.T) string {
	t.Helper()
	path := filled(t, 200)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, info.Size()/2); err != nil {
		t.Fatal(err)
	}
	return path
}

// filled is a closed state file with n messages.
func filled(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	e, err := emulator.Open(emulator.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	url := create(t, e.SQS(), "jobs", nil)
	for range n {
		send(t, e.SQS(), url, strings.Repeat("x", 1000))
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// A copy made while the emulator runs, with the log cut anywhere, opens and holds a prefix of what was sent.
func TestCopyWithTornLogOpens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	e := open(t, emulator.Config{Path: path})
	url := create(t, e.SQS(), "jobs", nil)
	for i := range 100 {
		send(t, e.SQS(), url, strconv.Itoa(i))
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{0, 100, len(log) / 3, len(log) / 2, len(log) - 1, len(log)} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "copy.db")
			err := errors.Join(os.WriteFile(path, whole, 0o600), os.WriteFile(path+"-wal", log[:size], 0o600))
			if err != nil {
				t.Fatal(err)
			}
			c := open(t, emulator.Config{Path: path}).SQS()
			url := create(t, c, "jobs", nil)
			next := 0
			for msgs := receive(t, c, url); len(msgs) > 0; msgs = receive(t, c, url) {
				for _, m := range msgs {
					if *m.Body != strconv.Itoa(next) {
						t.Fatalf("message %s where %d should be", *m.Body, next)
					}
					next++
				}
			}
			if size == len(log) && next != 100 {
				t.Errorf("the whole log has only %d messages", next)
			}
		})
	}
}
