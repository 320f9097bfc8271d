package sqstest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/conformance"
)

var queueTests = []func(*check){
	createIsIdempotent, createWithOtherAttributes, createNames, recreateTooSoon, getQueueURL, deletedQueue,
	unknownQueue, queueByName, listQueuesByPrefix, listQueuesInPages, tags, purge, purgeTwice,
}

func createIsIdempotent(c *check) {
	q := c.newQueue("VisibilityTimeout", "17", "DelaySeconds", "3")
	for name, attributes := range map[string]map[string]string{
		"same attributes":   {"VisibilityTimeout": "17", "DelaySeconds": "3"},
		"some of them":      {"VisibilityTimeout": "17"},
		"none":              nil,
		"a stated default":  {"ReceiveMessageWaitTimeSeconds": "0"},
		"another's default": {"DelaySeconds": "3", "MessageRetentionPeriod": "345600"},
	} {
		out, err := c.api.CreateQueue(c.Ctx, &sqs.CreateQueueInput{QueueName: &q.name, Attributes: attributes})
		c.OK(err, "CreateQueue again with "+name)
		if aws.ToString(out.QueueUrl) != q.url {
			c.Errorf("CreateQueue again with %s answered %s, want %s", name, aws.ToString(out.QueueUrl), q.url)
		}
	}
	if got := q.attributes()["VisibilityTimeout"]; got != "17" {
		c.Errorf("VisibilityTimeout is %s afterwards, want 17", got)
	}
}

func createWithOtherAttributes(c *check) {
	q := c.newQueue("VisibilityTimeout", "17")
	_, err := c.api.CreateQueue(c.Ctx, &sqs.CreateQueueInput{
		QueueName: &q.name, Attributes: map[string]string{"VisibilityTimeout": "18"},
	})
	conformance.WantError[*types.QueueNameExists](c.Case, err, "CreateQueue with another VisibilityTimeout")
	if got := q.attributes()["VisibilityTimeout"]; got != "17" {
		c.Errorf("VisibilityTimeout is %s afterwards, want 17", got)
	}
}

func createNames(c *check) {
	long := c.newName()
	long += strings.Repeat("x", 80-len(long))
	for _, name := range []string{long, c.newName() + "_A-z_0-9"} {
		out, err := c.api.CreateQueue(c.Ctx, &sqs.CreateQueueInput{QueueName: &name})
		c.OK(err, "CreateQueue "+name)
		q := queue{check: c, name: name, url: aws.ToString(out.QueueUrl)}
		q.deleteLater()
		if !strings.HasSuffix(q.url, "/"+name) {
			c.Errorf("queue URL %s does not end in the name %s", q.url, name)
		}
	}
	_, err := c.api.CreateQueue(c.Ctx, &sqs.CreateQueueInput{QueueName: aws.String("")})
	c.Refused(err, "CreateQueue without a name", "InvalidParameterValue", "MissingParameter")
	for _, name := range []string{long + "x", "with space", "dot.ted", "sla/sh", "ünicode", "percent%20"} {
		_, err := c.api.CreateQueue(c.Ctx, &sqs.CreateQueueInput{QueueName: &name})
		c.Refused(err, fmt.Sprintf("CreateQueue %q", name), "InvalidParameterValue")
	}
}

func recreateTooSoon(c *check) {
	q := c.newQueue()
	_, err := c.api.DeleteQueue(c.Ctx, &sqs.DeleteQueueInput{QueueUrl: &q.url})
	c.OK(err, "DeleteQueue")
	_, err = c.api.CreateQueue(c.Ctx, &sqs.CreateQueueInput{QueueName: &q.name})
	conformance.WantError[*types.QueueDeletedRecently](c.Case, err, "CreateQueue within 60 seconds of DeleteQueue")
}

func getQueueURL(c *check) {
	q := c.newQueue()
	out, err := c.api.GetQueueUrl(c.Ctx, &sqs.GetQueueUrlInput{QueueName: &q.name})
	c.OK(err, "GetQueueUrl")
	if aws.ToString(out.QueueUrl) != q.url {
		c.Errorf("GetQueueUrl answered %s, CreateQueue %s", aws.ToString(out.QueueUrl), q.url)
	}
	other := strings.ToUpper(q.name)
	_, err = c.api.GetQueueUrl(c.Ctx, &sqs.GetQueueUrlInput{QueueName: &other})
	conformance.WantError[*types.QueueDoesNotExist](c.Case, err, "GetQueueUrl in capital letters")
}

func deletedQueue(c *check) {
	q := c.newQueue()
	q.send("lost with its queue")
	_, err := c.api.DeleteQueue(c.Ctx, &sqs.DeleteQueueInput{QueueUrl: &q.url})
	c.OK(err, "DeleteQueue")
	_, err = c.api.GetQueueUrl(c.Ctx, &sqs.GetQueueUrlInput{QueueName: &q.name})
	conformance.WantError[*types.QueueDoesNotExist](c.Case, err, "GetQueueUrl of a deleted queue")
	_, err = c.api.ReceiveMessage(c.Ctx, &sqs.ReceiveMessageInput{QueueUrl: &q.url})
	conformance.WantError[*types.QueueDoesNotExist](c.Case, err, "ReceiveMessage from a deleted queue")
}

// calls are all operations that take a QueueUrl, with one. Those about a message have the handle, the others are harmless.
func (c *check) calls(url, handle string) map[string]func() error {
	return map[string]func() error{
		"GetQueueAttributes": func() error {
			_, err := c.api.GetQueueAttributes(c.Ctx, &sqs.GetQueueAttributesInput{QueueUrl: &url, AttributeNames: []types.QueueAttributeName{"All"}})
			return err
		},
		"SetQueueAttributes": func() error {
			_, err := c.api.SetQueueAttributes(c.Ctx, &sqs.SetQueueAttributesInput{QueueUrl: &url, Attributes: map[string]string{"DelaySeconds": "0"}})
			return err
		},
		"TagQueue": func() error {
			_, err := c.api.TagQueue(c.Ctx, &sqs.TagQueueInput{QueueUrl: &url, Tags: map[string]string{"k": "v"}})
			return err
		},
		"UntagQueue": func() error {
			_, err := c.api.UntagQueue(c.Ctx, &sqs.UntagQueueInput{QueueUrl: &url, TagKeys: []string{"other"}})
			return err
		},
		"ListQueueTags": func() error {
			_, err := c.api.ListQueueTags(c.Ctx, &sqs.ListQueueTagsInput{QueueUrl: &url})
			return err
		},
		"SendMessage": func() error {
			_, err := c.api.SendMessage(c.Ctx, &sqs.SendMessageInput{QueueUrl: &url, MessageBody: aws.String("body")})
			return err
		},
		"SendMessageBatch": func() error {
			_, err := c.api.SendMessageBatch(c.Ctx, &sqs.SendMessageBatchInput{QueueUrl: &url, Entries: []types.SendMessageBatchRequestEntry{
				{Id: aws.String("a"), MessageBody: aws.String("body")},
			}})
			return err
		},
		"ReceiveMessage": func() error {
			_, err := c.api.ReceiveMessage(c.Ctx, &sqs.ReceiveMessageInput{QueueUrl: &url})
			return err
		},
		"DeleteMessage": func() error {
			_, err := c.api.DeleteMessage(c.Ctx, &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: &handle})
			return err
		},
		"DeleteMessageBatch": func() error {
			_, err := c.api.DeleteMessageBatch(c.Ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &url, Entries: []types.DeleteMessageBatchRequestEntry{
				{Id: aws.String("a"), ReceiptHandle: &handle},
			}})
			return err
		},
		"ChangeMessageVisibility": func() error {
			_, err := c.api.ChangeMessageVisibility(c.Ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &url, ReceiptHandle: &handle, VisibilityTimeout: 60})
			return err
		},
		"ChangeMessageVisibilityBatch": func() error {
			_, err := c.api.ChangeMessageVisibilityBatch(c.Ctx, &sqs.ChangeMessageVisibilityBatchInput{
				QueueUrl: &url, Entries: []types.ChangeMessageVisibilityBatchRequestEntry{{Id: aws.String("a"), ReceiptHandle: &handle}},
			})
			return err
		},
		"ListDeadLetterSourceQueues": func() error {
			_, err := c.api.ListDeadLetterSourceQueues(c.Ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: &url})
			return err
		},
		"PurgeQueue": func() error {
			_, err := c.api.PurgeQueue(c.Ctx, &sqs.PurgeQueueInput{QueueUrl: &url})
			return err
		},
		"DeleteQueue": func() error {
			_, err := c.api.DeleteQueue(c.Ctx, &sqs.DeleteQueueInput{QueueUrl: &url})
			return err
		},
	}
}

func unknownQueue(c *check) {
	q := c.newQueue()
	name := c.newName()
	for what, url := range map[string]string{"an unknown queue": strings.TrimSuffix(q.url, q.name) + name, "an unknown name": name} {
		c.in(what, func(c *check) {
			calls := c.calls(url, "handle")
			for _, operation := range slices.Sorted(maps.Keys(calls)) {
				conformance.WantError[*types.QueueDoesNotExist](c.Case, calls[operation](), operation+" on "+what)
			}
		})
	}
}

// queueByName: what is no URL is taken for the queue's name, by every operation.
func queueByName(c *check) {
	q := c.newQueue()
	q.send("by name")
	m := q.receiveOne(hiding(60))
	calls := c.calls(q.name, aws.ToString(m.ReceiptHandle))
	deleteQueue := calls["DeleteQueue"]
	delete(calls, "DeleteQueue")
	for _, operation := range slices.Sorted(maps.Keys(calls)) { // ChangeMessageVisibility before DeleteMessage
		c.OK(calls[operation](), operation+" with the queue's name")
	}
	c.in("DeleteQueue", func(c *check) {
		c.OK(deleteQueue(), "DeleteQueue with the queue's name")
		_, err := c.api.GetQueueUrl(c.Ctx, &sqs.GetQueueUrlInput{QueueName: &q.name})
		conformance.WantError[*types.QueueDoesNotExist](c.Case, err, "GetQueueUrl afterwards")
	})
}

func listQueuesByPrefix(c *check) {
	prefix := c.newName()
	var want []string
	for i := range 3 {
		name := fmt.Sprintf("%s-%d", prefix, i)
		out, err := c.api.CreateQueue(c.Ctx, &sqs.CreateQueueInput{QueueName: &name})
		c.OK(err, "CreateQueue")
		queue{check: c, url: aws.ToString(out.QueueUrl)}.deleteLater()
		want = append(want, aws.ToString(out.QueueUrl))
	}
	for name, tt := range map[string]struct {
		prefix string
		want   []string
	}{
		"of all":     {prefix, want},
		"of one":     {prefix + "-1", want[1:2]},
		"of none":    {prefix + "-x", nil},
		"lower case": {strings.ToLower(prefix), nil},
	} {
		out, err := c.api.ListQueues(c.Ctx, &sqs.ListQueuesInput{QueueNamePrefix: &tt.prefix})
		c.OK(err, "ListQueues")
		if got := slices.Sorted(slices.Values(out.QueueUrls)); !slices.Equal(got, tt.want) {
			c.Errorf("ListQueues with the prefix %s: got %q, want %q", name, got, tt.want)
		}
		if out.NextToken != nil {
			c.Errorf("ListQueues without MaxResults answered a NextToken")
		}
	}
}

func listQueuesInPages(c *check) {
	prefix := c.newName()
	want := map[string]bool{}
	for i := range 5 {
		name := fmt.Sprintf("%s-%d", prefix, i)
		out, err := c.api.CreateQueue(c.Ctx, &sqs.CreateQueueInput{QueueName: &name})
		c.OK(err, "CreateQueue")
		queue{check: c, url: aws.ToString(out.QueueUrl)}.deleteLater()
		want[aws.ToString(out.QueueUrl)] = true
	}
	got := map[string]bool{}
	in := &sqs.ListQueuesInput{QueueNamePrefix: &prefix, MaxResults: aws.Int32(2)}
	for page := 1; ; page++ {
		out, err := c.api.ListQueues(c.Ctx, in)
		c.OK(err, "ListQueues")
		if len(out.QueueUrls) > 2 || page > 5 {
			c.Fatalf("page %d has %d queues, want at most 2 of 5", page, len(out.QueueUrls))
		}
		for _, url := range out.QueueUrls {
			if got[url] {
				c.Errorf("%s is on two pages", url)
			}
			got[url] = true
		}
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	if !maps.Equal(got, want) {
		c.Errorf("the pages hold %v, want %v", got, want)
	}
}

func tags(c *check) {
	name := c.newName()
	created, err := c.api.CreateQueue(c.Ctx, &sqs.CreateQueueInput{
		QueueName: &name, Tags: map[string]string{"team": "reports", "empty": ""},
	})
	c.OK(err, "CreateQueue with tags")
	q := queue{check: c, name: name, url: aws.ToString(created.QueueUrl)}
	q.deleteLater()
	q.wantTags(map[string]string{"team": "reports", "empty": ""})

	_, err = c.api.TagQueue(c.Ctx, &sqs.TagQueueInput{QueueUrl: &q.url, Tags: map[string]string{"team": "sales", "café": "ü +-=._:/@"}})
	c.OK(err, "TagQueue")
	q.wantTags(map[string]string{"team": "sales", "empty": "", "café": "ü +-=._:/@"})

	_, err = c.api.UntagQueue(c.Ctx, &sqs.UntagQueueInput{QueueUrl: &q.url, TagKeys: []string{"team", "unknown"}})
	c.OK(err, "UntagQueue")
	q.wantTags(map[string]string{"empty": "", "café": "ü +-=._:/@"})
}

func (q queue) wantTags(want map[string]string) {
	q.Helper()
	out, err := q.api.ListQueueTags(q.Ctx, &sqs.ListQueueTagsInput{QueueUrl: &q.url})
	q.OK(err, "ListQueueTags")
	if !maps.Equal(out.Tags, want) {
		q.Errorf("tags are %v, want %v", out.Tags, want)
	}
}

// purge deletes what waits, what is delayed and what is in flight.
func purge(c *check) {
	q := c.newQueue("VisibilityTimeout", "1")
	q.send("in flight")
	inFlight := q.receiveOne()
	q.send("waiting")
	q.send("delayed", func(in *sqs.SendMessageInput) { in.DelaySeconds = 1 })
	_, err := c.api.PurgeQueue(c.Ctx, &sqs.PurgeQueueInput{QueueUrl: &q.url})
	c.OK(err, "PurgeQueue")
	if got := q.receive(waiting(2)); len(got) > 0 {
		c.Errorf("received %q after PurgeQueue", aws.ToString(got[0].Body))
	}
	// A worker whose message was purged meanwhile must not trip over deleting it.
	q.delete(inFlight)
	q.send("after the purge")
	if got := q.receiveOne(); aws.ToString(got.Body) != "after the purge" {
		c.Errorf("received %q, want the message sent after the purge", aws.ToString(got.Body))
	}
}

func purgeTwice(c *check) {
	q := c.newQueue()
	_, err := c.api.PurgeQueue(c.Ctx, &sqs.PurgeQueueInput{QueueUrl: &q.url})
	c.OK(err, "PurgeQueue")
	_, err = c.api.PurgeQueue(c.Ctx, &sqs.PurgeQueueInput{QueueUrl: &q.url})
	conformance.WantError[*types.PurgeQueueInProgress](c.Case, err, "PurgeQueue twice within 60 seconds")
}
