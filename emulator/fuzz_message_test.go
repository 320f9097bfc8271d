package emulator

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

// all are the messages of a queue.
func (e *Emulator) all(name string) (messages []*message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, m := range e.queues[inRegion{defaultRegion, name}].messages {
		messages = append(messages, m)
	}
	return messages
}

// stored is a message's content as it comes back from a file.
func stored(t *testing.T, e *Emulator, m *message) map[string]attribute {
	t.Helper()
	text, err := json.Marshal(m.attrs)
	var back map[string]attribute
	if err == nil {
		err = json.Unmarshal(text, &back)
	}
	if err == nil {
		err = e.checkMessageRow(m)
	}
	if err != nil {
		t.Errorf("%q with %v can't be read again: %v", m.body, m.attrs, err)
	}
	return back
}

// A message that is accepted is received as it was sent, with the digest that the developer guide describes, and reads the
// same from a file. A text that is not its receipt handle deletes nothing.
func FuzzMessage(f *testing.F) {
	for _, dataType := range []string{"String", "Number", "Binary", "String.x", "Number.", "Binary.png", "", "string", "StringList", "String.\x00", "String.\xff", strings.Repeat("x", 257)} {
		f.Add("body", "name", dataType, "1", []byte(nil), "group", "Root=1", "")
		f.Add("body", "name", dataType, "", []byte{0, 0xff}, "", "", "AQ==")
	}
	for _, name := range []string{"", ".a", "a..b", "AWS.x", "amazon.x", "a b", "\xff", "All", strings.Repeat("n", 257)} {
		f.Add("<&>", name, "String", "\u2028\U0001F600", []byte(nil), "", "", "HANDLE")
	}
	for _, body := range []string{"", "\x00", "\uFFFE", "\uFFFF", "\xff", "\xed\xa0\x80", "\t\r\n", strings.Repeat("é", 1024)} {
		f.Add(body, "n", "Number", "-1.5e+3", []byte(nil), "a b", "\x01", "HAN\nDLE")
	}
	f.Add("body", "n", "Number", "1e9999", []byte(nil), strings.Repeat("g", 129), "", "HANDLE ")
	f.Fuzz(func(t *testing.T, body, name, dataType, text string, data []byte, group, trace, receipt string) {
		e := inMemory(t)
		ctx, c, url := t.Context(), e.SQS(), e.makeQueue(t, "jobs", nil)
		in := &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body}
		if group != "" {
			in.MessageGroupId = &group
		}
		if trace != "" {
			in.MessageSystemAttributes = map[string]types.MessageSystemAttributeValue{"AWSTraceHeader": {DataType: aws.String("String"), StringValue: &trace}}
		}
		value := types.MessageAttributeValue{DataType: &dataType, BinaryValue: data}
		if text != "" {
			value.StringValue = &text
		}
		if name != "" || dataType != "" {
			in.MessageAttributes = map[string]types.MessageAttributeValue{name: value}
		}
		sent, err := c.SendMessage(ctx, in)
		if err != nil {
			if refused := smithy.APIError(nil); !errors.As(err, &refused) || refused.ErrorFault() != smithy.FaultClient || len(e.all("jobs")) > 0 {
				t.Errorf("%v, with %d messages", err, len(e.all("jobs")))
			}
			return
		}
		if held := e.all("jobs")[0]; len(held.attrs) != len(in.MessageAttributes) || len(held.attrs) > 0 && !reflect.DeepEqual(stored(t, e, held), held.attrs) {
			t.Errorf("%v is stored as %v", in.MessageAttributes, stored(t, e, held))
		}
		out, err := c.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl: url, MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
		})
		if err != nil || len(out.Messages) != 1 {
			t.Fatalf("received %d messages, %v", len(out.Messages), err)
		}
		m := out.Messages[0]
		if *m.Body != body || m.Attributes["MessageGroupId"] != group || m.Attributes["AWSTraceHeader"] != trace {
			t.Errorf("sent %+v, received %+v", in, m)
		}
		digest := md5.Sum([]byte(body))
		if *m.MD5OfBody != hex.EncodeToString(digest[:]) || *sent.MD5OfMessageBody != *m.MD5OfBody || aws.ToString(sent.MD5OfMessageAttributes) != aws.ToString(m.MD5OfMessageAttributes) {
			t.Errorf("digests %+v and %+v", sent, m)
		}
		if len(in.MessageAttributes) > 0 {
			got := m.MessageAttributes[name]
			if *got.DataType != dataType || aws.ToString(got.StringValue) != text || !bytes.Equal(got.BinaryValue, data) || *m.MD5OfMessageAttributes != digestOf(name, value) {
				t.Errorf("sent %q %+v, received %+v with digest %s", name, value, got, *m.MD5OfMessageAttributes)
			}
		}
		receipt = strings.ReplaceAll(receipt, "HANDLE", *m.ReceiptHandle)
		_, err = c.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: &receipt})
		if gone := len(e.all("jobs")) == 0; gone != (receipt == *m.ReceiptHandle) || gone && err != nil {
			t.Errorf("deleted by %q: %t, %v; the handle is %q", receipt, gone, err, *m.ReceiptHandle)
		}
	})
}

// digestOf is the digest of one attribute, from the developer guide's "Calculating the MD5 message digest for message attributes".
func digestOf(name string, v types.MessageAttributeValue) string {
	var text []byte
	add := func(s []byte) { text = append(binary.BigEndian.AppendUint32(text, uint32(len(s))), s...) }
	add([]byte(name))
	add([]byte(*v.DataType))
	if strings.HasPrefix(*v.DataType, "Binary") {
		text = append(text, 2)
		add(v.BinaryValue)
	} else {
		text = append(text, 1)
		add([]byte(*v.StringValue))
	}
	sum := md5.Sum(text)
	return hex.EncodeToString(sum[:])
}

// What a schedule sends is its Input, which is checked when the schedule is created as far as the service does: whatever it is, it
// becomes one message or one dead letter, and only once. Of a batch, as on AWS, what SQS refuses is lost.
func FuzzFire(f *testing.F) {
	jobs := `"QueueUrl":"http://h/000000000000/jobs"`
	for _, input := range []string{
		`{` + jobs + `,"MessageBody":"x"}`, `{` + jobs + `,"MessageBody":"<aws.scheduler.scheduled-time> <aws.scheduler.execution-id>"}`,
		`{` + jobs + `,"MessageBody":""}`, `{` + jobs + `,"MessageBody":1}`, `{` + jobs + `,"MessageBody":null}`, `{` + jobs + `,"MessageBody":"\u0000"}`, `{"QueueUrl":"x","MessageBody":"x"}`,
		`{"QueueUrl":"http://h/000000000000/nope","MessageBody":"x"}`, `{` + jobs + `,"MessageBody":"x","DelaySeconds":901}`, `{` + jobs + `,"MessageBody":"x","DelaySeconds":"1"}`,
		`{` + jobs + `,"MessageBody":"x","MessageAttributes":{"a":{"DataType":"String","StringValue":"v"}},"MessageGroupId":"g"}`, `{"QueueUrl":"` + strings.Repeat("é", 2000) + `","MessageBody":"x"}`,
		`{` + jobs + `,"Entries":[{"Id":"0","MessageBody":"a","DelaySeconds":0},{"Id":"1","MessageBody":"b","DelaySeconds":900}]}`, `{` + jobs + `,"Entries":[]}`, `{` + jobs + `,"Entries":null}`,
		`{` + jobs + `,"Entries":[{"Id":"0","MessageBody":"a"},{"Id":"0","MessageBody":"b"}]}`, `{` + jobs + `,"Entries":[{},{"Id":"1","MessageBody":"` + strings.Repeat("x", 1100) + `"}]}`, `{` + jobs + `,"Entries":{}}`,
		"", " ", "plain", "\xff", "\uFFFE", "null", "[]", "<aws.scheduler.attempt-number>", strings.Repeat("é", 600),
	} {
		for target := range byte(4) {
			f.Add(target, input, "")
			f.Add(target, input, "a b")
		}
	}
	f.Fuzz(func(t *testing.T, target byte, input, group string) {
		e := inMemory(t)
		for _, queue := range []string{"jobs", "dead"} {
			e.makeQueue(t, queue, map[string]string{"MaximumMessageSize": "1024"})
		}
		arn := []string{e.arnOf("jobs"), e.arnOf("gone"), "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "arn:aws:scheduler:::aws-sdk:sqs:sendMessageBatch"}[target%4]
		in := &scheduler.CreateScheduleInput{
			Name: aws.String("once"), ScheduleExpression: aws.String("at(" + time.Now().UTC().Add(-time.Second).Format("2006-01-02T15:04:05") + ")"),
			FlexibleTimeWindow: &schedulertypes.FlexibleTimeWindow{Mode: schedulertypes.FlexibleTimeWindowModeOff},
			Target: &schedulertypes.Target{
				Arn: &arn, RoleArn: aws.String("arn:aws:iam::000000000000:role/r"), DeadLetterConfig: &schedulertypes.DeadLetterConfig{Arn: aws.String(e.arnOf("dead"))},
				RetryPolicy: &schedulertypes.RetryPolicy{MaximumRetryAttempts: aws.Int32(0)},
			},
		}
		if input != "" {
			in.Target.Input = &input
		}
		if group != "" {
			in.Target.SqsParameters = &schedulertypes.SqsParameters{MessageGroupId: &group}
		}
		if _, err := e.Scheduler().CreateSchedule(t.Context(), in); err != nil {
			if invalid := (*schedulertypes.ValidationException)(nil); !errors.As(err, &invalid) {
				t.Errorf("%q: %v", input, err)
			}
			return
		}
		for range 2 { // the second finds nothing to do
			if _, err := e.fireDue(); err != nil {
				t.Fatal(err)
			}
		}
		sent, letters := e.all("jobs"), e.all("dead")
		batch := target%4 == 3
		if n := len(sent) + len(letters); n != 1 && !batch || n > maxBatchEntries {
			t.Errorf("%s %q: %d messages and %d dead letters", arn, input, len(sent), len(letters))
		}
		for _, m := range append(sent, letters...) {
			size := len(m.body)
			for name, a := range m.attrs {
				size += a.size(name)
				if a.String == "" && !a.isBinary() {
					t.Errorf("attribute %s is empty", name)
				}
			}
			if m.body == "" || size > 1024+maxErrorMessage {
				t.Errorf("%q became a message of %d bytes, %q", input, size, fmt.Sprintf("%.20s", m.body))
			}
			stored(t, e, m)
		}
	})
}
