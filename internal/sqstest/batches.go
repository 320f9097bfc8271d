package sqstest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/conformance"
)

var batchTests = []func(*check){
	sendBatch, sendBatchPartlyFails, sendBatchSendersFault, sendBatchRefused, sendBatchTooLong, sendBatchFull, deleteBatch, deleteBatchRefused,
	changeVisibilityBatch, changeVisibilityBatchOutOfRange, changeVisibilityBatchRefused,
}

type sendEntry = types.SendMessageBatchRequestEntry

func entry(id, body string) sendEntry {
	return sendEntry{Id: &id, MessageBody: &body}
}

func (q queue) sendBatch(entries ...sendEntry) (*sqs.SendMessageBatchOutput, error) {
	return q.api.SendMessageBatch(q.Ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.url, Entries: entries})
}

func sendBatch(c *check) {
	q := c.newQueue()
	attributes := map[string]types.MessageAttributeValue{"n": text("1")}
	with := entry("with_attribute", "one")
	with.MessageAttributes = attributes
	entries := []sendEntry{with, entry("Second-2", "two"), entry(strings.Repeat("i", 80), "three")}
	out, err := q.sendBatch(entries...)
	c.OK(err, "SendMessageBatch")
	if len(out.Failed) != 0 || len(out.Successful) != len(entries) {
		c.Fatalf("SendMessageBatch: %d successful, %d failed, want %d and 0", len(out.Successful), len(out.Failed), len(entries))
	}
	sent := map[string]string{}
	for _, done := range out.Successful {
		i := slices.IndexFunc(entries, func(e sendEntry) bool { return *e.Id == aws.ToString(done.Id) })
		if i < 0 {
			c.Fatalf("SendMessageBatch answered the id %s, which was not asked", aws.ToString(done.Id))
		}
		sent[aws.ToString(done.MessageId)] = *entries[i].MessageBody
		if got, want := aws.ToString(done.MD5OfMessageBody), digest([]byte(*entries[i].MessageBody)); got != want {
			c.Errorf("MD5OfMessageBody of %s is %s, want %s", *entries[i].Id, got, want)
		}
		if i == 0 && aws.ToString(done.MD5OfMessageAttributes) != digestOf(attributes) {
			c.Errorf("MD5OfMessageAttributes is %s, want %s", aws.ToString(done.MD5OfMessageAttributes), digestOf(attributes))
		}
	}
	got := map[string]string{}
	for _, m := range q.receiveAll(len(entries)) {
		got[aws.ToString(m.MessageId)] = aws.ToString(m.Body)
	}
	if !maps.Equal(got, sent) {
		c.Errorf("received %v, sent %v", got, sent)
	}
}

// sendBatchPartlyFails: the call succeeds, and each bad entry is told with its code.
func sendBatchPartlyFails(c *check) {
	delayed := func(seconds int32) sendEntry {
		e := entry("bad", "delayed")
		e.DelaySeconds = seconds
		return e
	}
	attributed := entry("bad", "attributed")
	attributed.MessageAttributes = map[string]types.MessageAttributeValue{"a": {DataType: aws.String("Boolean"), StringValue: aws.String("x")}}
	for name, tt := range map[string]struct {
		bad  sendEntry
		code string
	}{
		"a forbidden character": {entry("bad", "\x01"), "InvalidMessageContents"},
		"a long message":        {entry("bad", strings.Repeat("x", 1025)), "InvalidParameterValue"},
		"a long delay":          {delayed(901), "InvalidParameterValue"},
		"a negative delay":      {delayed(-1), "InvalidParameterValue"},
		"a bad attribute":       {attributed, "InvalidParameterValue"},
	} {
		c.in(name, func(c *check) {
			q := c.newQueue("MaximumMessageSize", "1024")
			out, err := q.sendBatch(entry("good1", "one"), tt.bad, entry("good2", "two"))
			c.OK(err, "SendMessageBatch")
			if len(out.Successful) != 2 || len(out.Failed) != 1 {
				c.Fatalf("SendMessageBatch: %d successful, %d failed, want 2 and 1", len(out.Successful), len(out.Failed))
			}
			wantFailed(c, "SendMessageBatch", out.Failed[0], "bad", tt.code)
			q.receiveAll(2)
		})
	}
}

// sendBatchSendersFault: an entry that the sender can mend is not worth a retry, and says so.
func sendBatchSendersFault(c *check) {
	q := c.newQueue()
	out, err := q.sendBatch(entry("good", "one"), entry("bad", "\x01"))
	c.OK(err, "SendMessageBatch")
	if len(out.Failed) != 1 || !out.Failed[0].SenderFault {
		c.Errorf("SendMessageBatch: %d failed, want one, with SenderFault", len(out.Failed))
	}
}

// badIDs are lists of entry ids that no batch call accepts, with the code of the refusal.
func badIDs() map[string]struct {
	ids  []string
	code string
} {
	eleven := make([]string, 11)
	for i := range eleven {
		eleven[i] = strconv.Itoa(i)
	}
	return map[string]struct {
		ids  []string
		code string
	}{
		"no entries":         {[]string{}, "EmptyBatchRequest"},
		"eleven entries":     {eleven, "TooManyEntriesInBatchRequest"},
		"two of the same id": {[]string{"a", "b", "a"}, "BatchEntryIdsNotDistinct"},
		"an id with a dot":   {[]string{"a", "b.c"}, "InvalidBatchEntryId"},
		"an empty id":        {[]string{"a", ""}, "InvalidBatchEntryId"},
		"an id of 81":        {[]string{strings.Repeat("i", 81)}, "InvalidBatchEntryId"},
	}
}

func sendBatchRefused(c *check) {
	q := c.newQueue()
	for name, tt := range badIDs() {
		entries := []sendEntry{}
		for _, id := range tt.ids {
			entries = append(entries, entry(id, "x"))
		}
		_, err := q.sendBatch(entries...)
		c.Refused(err, "SendMessageBatch with "+name, tt.code)
	}
	q.staysEmpty()
}

func sendBatchTooLong(c *check) {
	q := c.newQueue()
	half := strings.Repeat("x", mebibyte/2)
	_, err := q.sendBatch(entry("a", half), entry("b", half+"x"))
	conformance.WantError[*types.BatchRequestTooLong](c.Case, err, "SendMessageBatch of 1 MiB and a byte")
	q.staysEmpty()
}

func sendBatchFull(c *check) {
	q := c.newQueue()
	var entries []sendEntry
	for i := range 10 {
		entries = append(entries, entry(strconv.Itoa(i), strings.Repeat("x", mebibyte/10)))
	}
	out, err := q.sendBatch(entries...)
	c.OK(err, "SendMessageBatch of 1 MiB")
	if len(out.Successful) != 10 {
		c.Fatalf("%d of 10 entries were accepted", len(out.Successful))
	}
	q.receiveAll(10)
}

func deleteBatch(c *check) {
	q := c.newQueue("VisibilityTimeout", "1")
	for range 3 {
		q.send("x")
	}
	received := q.receiveAll(3, hiding(30))
	out, err := c.api.DeleteMessageBatch(c.Ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: []types.DeleteMessageBatchRequestEntry{
		{Id: aws.String("first"), ReceiptHandle: received[0].ReceiptHandle},
		{Id: aws.String("invented"), ReceiptHandle: aws.String("no-such-handle")},
		{Id: aws.String("second"), ReceiptHandle: received[1].ReceiptHandle},
	}})
	c.OK(err, "DeleteMessageBatch")
	done := []string{}
	for _, entry := range out.Successful {
		done = append(done, aws.ToString(entry.Id))
	}
	slices.Sort(done)
	if !slices.Equal(done, []string{"first", "second"}) || len(out.Failed) != 1 {
		c.Fatalf("DeleteMessageBatch: successful %v, %d failed; want first and second, 1 failed", done, len(out.Failed))
	}
	wantFailed(c, "DeleteMessageBatch", out.Failed[0], "invented", "ReceiptHandleIsInvalid")
	c.OK(q.changeVisibility(received[2], 0), "ChangeMessageVisibility")
	if got := q.receiveOne(); aws.ToString(got.MessageId) != aws.ToString(received[2].MessageId) {
		c.Errorf("received %s, want the one that was not deleted", aws.ToString(got.MessageId))
	}
}

func wantFailed(c *check, doing string, failed types.BatchResultErrorEntry, id, code string) {
	c.Helper()
	if aws.ToString(failed.Id) != id || !conformance.CodeIn(aws.ToString(failed.Code), []string{code}) {
		c.Errorf("%s: %s failed with %s, want %s with %s", doing, aws.ToString(failed.Id), aws.ToString(failed.Code), id, code)
	}
}

func deleteBatchRefused(c *check) {
	q := c.newQueue()
	for name, tt := range badIDs() {
		entries := []types.DeleteMessageBatchRequestEntry{}
		for _, id := range tt.ids {
			entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(id), ReceiptHandle: aws.String("x")})
		}
		_, err := c.api.DeleteMessageBatch(c.Ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
		c.Refused(err, "DeleteMessageBatch with "+name, tt.code)
	}
}

func changeVisibilityBatch(c *check) {
	q := c.newQueue()
	for i := range 3 {
		q.send(fmt.Sprint(i))
	}
	received := q.receiveAll(3)
	out, err := c.api.ChangeMessageVisibilityBatch(c.Ctx, &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: &q.url,
		Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
			{Id: aws.String("back"), ReceiptHandle: received[0].ReceiptHandle, VisibilityTimeout: 0},
			{Id: aws.String("invented"), ReceiptHandle: aws.String("no-such-handle"), VisibilityTimeout: 1},
			{Id: aws.String("longer"), ReceiptHandle: received[1].ReceiptHandle, VisibilityTimeout: 60},
		},
	})
	c.OK(err, "ChangeMessageVisibilityBatch")
	if len(out.Successful) != 2 || len(out.Failed) != 1 {
		c.Fatalf("ChangeMessageVisibilityBatch: %d successful, %d failed, want 2 and 1", len(out.Successful), len(out.Failed))
	}
	wantFailed(c, "ChangeMessageVisibilityBatch", out.Failed[0], "invented", "ReceiptHandleIsInvalid")
	if got := q.receiveOne(); aws.ToString(got.MessageId) != aws.ToString(received[0].MessageId) {
		c.Errorf("received %s, want the one that was given back", aws.ToString(got.Body))
	}
}

func changeVisibilityBatchOutOfRange(c *check) {
	q := c.newQueue()
	q.send("x")
	m := q.receiveOne()
	out, err := c.api.ChangeMessageVisibilityBatch(c.Ctx, &sqs.ChangeMessageVisibilityBatchInput{
		QueueUrl: &q.url,
		Entries: []types.ChangeMessageVisibilityBatchRequestEntry{
			{Id: aws.String("long"), ReceiptHandle: m.ReceiptHandle, VisibilityTimeout: 43_201},
		},
	})
	c.OK(err, "ChangeMessageVisibilityBatch")
	if len(out.Failed) != 1 {
		c.Fatalf("ChangeMessageVisibilityBatch: %d failed, want 1", len(out.Failed))
	}
	wantFailed(c, "ChangeMessageVisibilityBatch", out.Failed[0], "long", "InvalidParameterValue")
}

func changeVisibilityBatchRefused(c *check) {
	q := c.newQueue()
	for name, tt := range badIDs() {
		entries := []types.ChangeMessageVisibilityBatchRequestEntry{}
		for _, id := range tt.ids {
			entries = append(entries, types.ChangeMessageVisibilityBatchRequestEntry{Id: aws.String(id), ReceiptHandle: aws.String("x"), VisibilityTimeout: 1})
		}
		_, err := c.api.ChangeMessageVisibilityBatch(c.Ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url, Entries: entries})
		c.Refused(err, "ChangeMessageVisibilityBatch with "+name, tt.code)
	}
}
