package emulator

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// image is a state file and its log as they are at one moment.
type image struct{ file, log []byte }

// jobCount is how many messages the queue "jobs" of an image holds.
const jobCount = 60

// directory is one of its own, in memory where the system has one: a disk takes its time over commits.
func directory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "core-fuzz-") //nolint:usetesting // t.TempDir is on the disk
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// images are the state of an emulator that has something of everything: while it runs, and after it has ended.
func images(f *testing.F) (running, ended image) {
	f.Helper()
	path := filepath.Join(directory(f), "state.db")
	e, err := Open(Config{Path: path})
	if err != nil {
		f.Fatal(err)
	}
	ctx, c, s := f.Context(), e.SQS(), e.Scheduler()
	ok := func(_ any, err error) {
		f.Helper()
		if err != nil {
			f.Fatal(err)
		}
	}
	for name, attrs := range map[string]map[string]string{
		"moved": nil, "jobs-dlq": {"MaximumMessageSize": "1024"}, "jobs": nil,
	} {
		ok(c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attrs, Tags: map[string]string{"k": "v"}}))
	}
	url := func(name string) *string { return aws.String(c.url(name)) }
	ok(c.SetQueueAttributes(ctx, &sqs.SetQueueAttributesInput{QueueUrl: url("jobs"), Attributes: map[string]string{
		"RedrivePolicy": `{"deadLetterTargetArn":"` + e.arnOf("jobs-dlq") + `","maxReceiveCount":"3"}`,
	}}))
	for i := range jobCount {
		ok(c.SendMessage(ctx, &sqs.SendMessageInput{
			QueueUrl: url("jobs"), MessageBody: aws.String(fmt.Sprint("job ", i, strings.Repeat(" .", i))),
			MessageAttributes: map[string]types.MessageAttributeValue{"n": {DataType: aws.String("Number"), StringValue: aws.String(fmt.Sprint(i))}},
		}))
	}
	ok(c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: url("jobs"), MaxNumberOfMessages: 3}))
	ok(c.StartMessageMoveTask(ctx, &sqs.StartMessageMoveTaskInput{SourceArn: aws.String(e.arnOf("jobs-dlq")), DestinationArn: aws.String(e.arnOf("moved"))}))
	ok(c.In("eu-west-1").CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("jobs")}))
	ok(s.In("eu-west-1").CreateScheduleGroup(ctx, &scheduler.CreateScheduleGroupInput{Name: aws.String("app")}))
	ok(s.CreateScheduleGroup(ctx, &scheduler.CreateScheduleGroupInput{Name: aws.String("app")}))
	ok(s.CreateSchedule(ctx, &scheduler.CreateScheduleInput{
		Name: aws.String("tick"), GroupName: aws.String("app"), ScheduleExpression: aws.String("cron(0 0 1 1 ? 2199)"),
		FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
		Target: &schedulertypes.Target{
			Arn: aws.String(e.arnOf("moved")), RoleArn: aws.String("arn:aws:iam::000000000000:role/r"), Input: aws.String("tick"),
			DeadLetterConfig: &schedulertypes.DeadLetterConfig{Arn: aws.String(e.arnOf("jobs-dlq"))},
		},
	}))
	read := func(path string) []byte {
		data, err := os.ReadFile(path)
		ok(nil, err)
		return data
	}
	running = image{read(path), read(path + "-wal")}
	ok(nil, e.Close())
	return running, image{file: read(path)}
}

// write puts an image where an emulator can open it.
func (i image) write(t *testing.T) string {
	t.Helper()
	path := filepath.Join(directory(t), "state.db")
	err := os.WriteFile(path, i.file, 0o600)
	if i.log != nil {
		err = errors.Join(err, os.WriteFile(path+"-wal", i.log, 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// bodies are all messages that an emulator holds.
func (e *Emulator) bodies() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := map[string]int{}
	for _, q := range e.queues {
		for _, m := range q.messages {
			all[m.body]++
		}
	}
	return all
}

// openDamaged opens a file that may be damaged. It returns nil where the file is refused, with this package's error.
func openDamaged(t *testing.T, path string) *Emulator {
	t.Helper()
	e, err := Open(Config{Path: path})
	if err == nil {
		return e
	}
	if state, ok := errors.AsType[*StateError](err); !ok || state.Path != path || state.Err == nil {
		t.Fatalf("the error is %#v", err)
	}
	return nil
}

// use calls what reads and writes the state, and what fires: no damage may make a call panic, or fail for a fault of ours.
func (e *Emulator) use(t *testing.T) {
	t.Helper()
	ctx, c, s := t.Context(), e.SQS(), e.Scheduler()
	check := func(_ any, err error) {
		if _, internal := errors.AsType[*StateError](err); internal {
			t.Errorf("a call failed: %v", err)
		}
	}
	if _, err := e.fireDue(); err != nil {
		t.Error(err)
	}
	list, err := c.ListQueues(ctx, nil)
	check(nil, err)
	for _, url := range list.QueueUrls {
		check(c.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"All"}}))
		out, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, MessageAttributeNames: []string{"All"}})
		check(nil, err)
		for _, m := range out.Messages {
			if !isText(*m.Body) {
				t.Errorf("received %q, which no client takes", *m.Body)
			}
			check(c.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}))
		}
	}
	schedules, err := s.ListSchedules(ctx, nil)
	check(nil, err)
	for _, one := range schedules.Schedules {
		check(s.GetSchedule(ctx, &scheduler.GetScheduleInput{GroupName: one.GroupName, Name: one.Name}))
	}
	check(s.ListScheduleGroups(ctx, nil))
	check(c.CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("new")}))
	check(c.SendMessage(ctx, &sqs.SendMessageInput{QueueUrl: aws.String(c.url("new")), MessageBody: aws.String("new")}))
}

// reopen closes an emulator and opens it again, which must work and show what it held.
func (e *Emulator) reopen(t *testing.T) {
	t.Helper()
	e.EndWaits() // nothing fires any more
	want := e.bodies()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Open(e.cfg)
	if err != nil {
		t.Fatalf("what was opened and closed can't be opened again: %v", err)
	}
	defer func() { _ = again.Close() }()
	for body, n := range want {
		if again.bodies()[body] < n {
			t.Errorf("%q is lost", body)
		}
	}
}

// A file of which the end is missing or some bytes are wrong is refused, or opens with every message, of which those that
// the bytes belonged to may read otherwise. The log protects itself with checksums: what is wrong in it, and all that
// follows, did not happen, so that what is left is what was sent first.
func FuzzStateFile(f *testing.F) {
	running, ended := images(f)
	for _, live := range []bool{false, true} {
		for _, cut := range []uint32{0, 1, 99, 511, 4096, 8191, 20_000} {
			f.Add(live, false, cut, uint32(0), []byte(nil))
			f.Add(live, true, cut, uint32(0), []byte(nil))
		}
		for _, at := range []uint32{0, 16, 18, 19, 24, 28, 32, 47, 56, 60, 68, 100, 103, 105, 4096, 4152, 8192, 16_384} {
			f.Add(live, false, ^uint32(0), at, []byte{1})
			f.Add(live, true, ^uint32(0), at, []byte{0xff, 0, 0x80})
		}
	}
	f.Fuzz(func(t *testing.T, live, log bool, cut, at uint32, flip []byte) {
		state := ended
		if live {
			state = running
		}
		damaged := &state.file
		if log && live {
			damaged = &state.log
		}
		*damaged = append([]byte(nil), (*damaged)[:min(int(cut), len(*damaged))]...)
		flip = flip[:min(len(flip), 8)]
		for i, b := range flip {
			if where := int(at) + i; where < len(*damaged) {
				(*damaged)[where] ^= b
			}
		}
		e := openDamaged(t, state.write(t))
		if e == nil {
			return
		}
		held, messages, unharmed := e.bodies(), 0, 0
		for _, n := range held {
			messages += n
		}
		for i := range jobCount {
			if held[fmt.Sprint("job ", i, strings.Repeat(" .", i))] == 0 {
				if log && live {
					break // a prefix
				}
				continue
			}
			unharmed++
		}
		switch {
		case log && live && messages != unharmed:
			t.Errorf("of %d messages %d are those sent first", messages, unharmed)
		case log && live, len(state.file) == 0:
		case messages < jobCount || unharmed < jobCount-2:
			t.Errorf("cut %d flip %x at %d (live %t log %t): %d messages are there and %d unharmed, of %d", cut, flip, at, live, log, messages, unharmed, jobCount)
		}
		e.use(t)
		e.reopen(t)
	})
}

// columns are all columns of a state file.
func columns() []string {
	return strings.Fields(`meta.value meta.key queues.id queues.definition moves.id moves.started moves.task
		schedule_groups.region schedule_groups.name schedule_groups.definition schedules.id schedules.definition schedules.progress
		messages.seq messages.queue messages.id messages.body messages.attributes messages.grp messages.trace messages.sender messages.source
		messages.sent_at messages.visible_at messages.receives messages.first_received messages.received_at`)
}

// A file in which a value is wrong, in one row or in a member of its JSON, is refused, or opens with all other messages.
func FuzzStateRows(f *testing.F) {
	_, ended := images(f)
	number := func(column string, path string, n int64) { f.Add(column, path, byte('i'), "", n) }
	text := func(column, path, s string) { f.Add(column, path, byte('t'), s, int64(0)) }
	for _, column := range columns() {
		number(column, "", 1<<63-1)
		text(column, "", "\xff")
	}
	for _, column := range []string{"meta.value", "queues.id", "schedules.id", "messages.seq", "messages.queue", "messages.sent_at", "messages.receives"} {
		number(column, "", -1)
	}
	for _, column := range []string{"queues.definition", "messages.attributes", "messages.received_at", "schedules.progress"} {
		f.Add(column, "", byte('n'), "", int64(0))
		f.Add(column, "", byte('d'), "", int64(0))
	}
	for _, column := range []string{"queues.definition", "moves.task", "schedule_groups.definition", "schedules.definition", "schedules.progress", "messages.attributes"} {
		text(column, "", "null")
		text(column, "", "[]")
		f.Add(column, "", byte('b'), "{}", int64(0))
		f.Add(column, "", byte('r'), "", int64(1))
	}
	for _, path := range []string{"region", "name", "attributes.VisibilityTimeout", "attributes.MessageRetentionPeriod", "attributes.RedrivePolicy", "created"} {
		text("queues.definition", path, "x")
		number("queues.definition", path, -1)
	}
	for _, path := range []string{"definition.Target", "definition.Target.Arn", "definition.Target.Input", "definition.Target.RetryPolicy.MaximumEventAgeInSeconds",
		"definition.GroupName", "definition.Name", "definition.ScheduleExpression", "definition.StartDate", "definition.FlexibleTimeWindow", "created", "region"} {
		text("schedules.definition", path, "rate(1 minute)")
		number("schedules.definition", path, -1<<31)
		f.Add("schedules.definition", path, byte('d'), "", int64(0))
	}
	f.Add("schedules.progress", "", byte('t'), `{"up_to":"2020-01-01T00:00:00Z","pending":[{"next":"2020-01-01T00:00:00Z","attempts":-9}]}`, int64(0))
	f.Add("schedules.progress", "", byte('t'), `{"up_to":"9999-12-31T23:59:59-23:59","pending":[{"since":"0000-01-01T00:00:00+23:59"}]}`, int64(0))
	text("moves.task", "rate", "x")
	number("moves.task", "rate", -1)
	text("moves.task", "status", "RUNNING")
	text("schedule_groups.definition", "name", "default")
	text("schedule_groups.definition", "region", "us-east-1")
	text("schedule_groups.region", "", "us-east-1")
	text("queues.definition", "region", "eu-west-1")

	f.Fuzz(func(t *testing.T, column, path string, kind byte, s string, n int64) {
		table, name, _ := strings.Cut(column, ".")
		var value any
		switch kind {
		case 'i':
			value = n
		case 't':
			value = s
		case 'b':
			value = []byte(s)
		case 'r':
			value = float64(n) + 0.5
		}
		file := ended.write(t)
		statement, args := fmt.Sprintf("UPDATE %s SET %s = ? WHERE %s = (SELECT min(%s) FROM %s)", table, name, name, name, table), []any{value}
		switch {
		case path != "" && kind == 'd':
			statement, args = fmt.Sprintf("UPDATE %s SET %s = json_remove(%s, ?)", table, name, name), []any{"$." + path}
		case path != "":
			statement, args = fmt.Sprintf("UPDATE %s SET %s = json_set(%s, ?, ?)", table, name, name), []any{"$." + path, value}
		case kind == 'd':
			statement, args = fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s", table, name), nil
		}
		if !edit(t, file, statement, args) {
			t.Skip()
		}
		e := openDamaged(t, file)
		if e == nil {
			return
		}
		lost := 0
		held := e.bodies()
		for i := range jobCount {
			if held[fmt.Sprint("job ", i, strings.Repeat(" .", i))] == 0 {
				lost++
			}
		}
		if lost > 1 {
			t.Errorf("%s %v: %d messages are not there", statement, args, lost)
		}
		e.use(t)
		e.reopen(t)
	})
}

// edit runs a statement on a file that is not open; it reports whether SQLite took it.
func edit(t *testing.T, path, statement string, args []any) bool {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, pragma := range []string{"synchronous=OFF", "ignore_check_constraints=ON"} {
		if _, err := db.Exec("PRAGMA " + pragma); err != nil {
			t.Fatal(err)
		}
	}
	_, err = db.Exec(statement, args...)
	return err == nil
}
