package sqstest

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/internal/conformance"
)

var attributeTests = []func(*check){
	attributeDefaults, attributeBoundsAccepted, attributeRanges, attributeNames, setAttributes, setAttributesAllOrNothing, encryptionAttributes,
	approximateCounts,
}

func attributeDefaults(c *check) {
	before := time.Now().Add(-time.Second) // the timestamps are whole seconds
	q := c.newQueue()
	got := q.attributes()
	for name, want := range map[string]string{
		"VisibilityTimeout":                     "30",
		"MaximumMessageSize":                    "1048576",
		"MessageRetentionPeriod":                "345600",
		"DelaySeconds":                          "0",
		"ReceiveMessageWaitTimeSeconds":         "0",
		"ApproximateNumberOfMessages":           "0",
		"ApproximateNumberOfMessagesNotVisible": "0",
		"ApproximateNumberOfMessagesDelayed":    "0",
		"SqsManagedSseEnabled":                  "true",
	} {
		if got[name] != want {
			c.Errorf("%s of a new queue is %q, want %q", name, got[name], want)
		}
	}
	for _, name := range []string{"CreatedTimestamp", "LastModifiedTimestamp"} {
		seconds, err := strconv.ParseInt(got[name], 10, 64)
		if at := time.Unix(seconds, 0); err != nil || at.Before(before.Truncate(time.Second)) || at.After(time.Now().Add(time.Minute)) {
			c.Errorf("%s is %q, want now in Unix seconds", name, got[name])
		}
	}
	if arn := got["QueueArn"]; !strings.HasPrefix(arn, "arn:aws:sqs:") || !strings.HasSuffix(arn, ":"+q.name) {
		c.Errorf("QueueArn is %q", arn)
	}
	for _, name := range []string{"RedrivePolicy", "Policy", "FifoQueue", "KmsMasterKeyId"} {
		if value, set := got[name]; set {
			c.Errorf("%s of a new standard queue is %q, want it left out", name, value)
		}
	}
}

// attributeBounds are the smallest and largest values of the attributes that are numbers.
var attributeBounds = map[string][2]int{
	"VisibilityTimeout":             {0, 43_200},
	"MaximumMessageSize":            {1024, 1_048_576},
	"MessageRetentionPeriod":        {60, 1_209_600},
	"DelaySeconds":                  {0, 900},
	"ReceiveMessageWaitTimeSeconds": {0, 20},
}

func attributeBoundsAccepted(c *check) {
	q := c.newQueue()
	for name, bounds := range attributeBounds {
		for _, good := range bounds {
			c.OK(q.setAttribute(name, strconv.Itoa(good)), fmt.Sprintf("SetQueueAttributes %s=%d", name, good))
			if got := q.attributes()[name]; got != strconv.Itoa(good) {
				c.Errorf("%s is %s, want %d", name, got, good)
			}
		}
	}
}

func attributeRanges(c *check) {
	for name, bounds := range attributeBounds {
		c.in(name, func(c *check) {
			q := c.newQueue()
			for _, bad := range []string{strconv.Itoa(bounds[0] - 1), strconv.Itoa(bounds[1] + 1), "many", "1.5"} {
				c.Refused(q.setAttribute(name, bad), fmt.Sprintf("SetQueueAttributes %s=%s", name, bad), "InvalidAttributeValue")
				newName := c.newName()
				_, err := c.api.CreateQueue(c.Ctx, &sqs.CreateQueueInput{QueueName: &newName, Attributes: map[string]string{name: bad}})
				c.Refused(err, fmt.Sprintf("CreateQueue with %s=%s", name, bad), "InvalidAttributeValue")
			}
		})
	}
}

func (q queue) setAttribute(name, value string) error {
	_, err := q.api.SetQueueAttributes(q.Ctx, &sqs.SetQueueAttributesInput{
		QueueUrl: &q.url, Attributes: map[string]string{name: value},
	})
	return err
}

func attributeNames(c *check) {
	q := c.newQueue()
	got := q.attributes(types.QueueAttributeNameVisibilityTimeout, types.QueueAttributeNameQueueArn)
	if len(got) != 2 || got["VisibilityTimeout"] != "30" || got["QueueArn"] == "" {
		c.Errorf("GetQueueAttributes of two answered %v", got)
	}
	_, err := c.api.GetQueueAttributes(c.Ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{"Unknown"}})
	conformance.WantError[*types.InvalidAttributeName](c.Case, err, "GetQueueAttributes of an unknown name")
	conformance.WantError[*types.InvalidAttributeName](c.Case, q.setAttribute("Unknown", "1"), "SetQueueAttributes of an unknown name")
	// What the service counts cannot be set.
	c.Refused(q.setAttribute("QueueArn", "arn"), "SetQueueAttributes of QueueArn", "InvalidAttributeName")
}

func setAttributes(c *check) {
	q := c.newQueue("DelaySeconds", "5")
	_, err := c.api.SetQueueAttributes(c.Ctx, &sqs.SetQueueAttributesInput{
		QueueUrl: &q.url, Attributes: map[string]string{"VisibilityTimeout": "60", "MaximumMessageSize": "2048"},
	})
	c.OK(err, "SetQueueAttributes")
	got := q.attributes()
	for name, want := range map[string]string{"VisibilityTimeout": "60", "MaximumMessageSize": "2048", "DelaySeconds": "5"} {
		if got[name] != want {
			c.Errorf("%s is %s, want %s", name, got[name], want)
		}
	}
}

func setAttributesAllOrNothing(c *check) {
	q := c.newQueue()
	_, err := c.api.SetQueueAttributes(c.Ctx, &sqs.SetQueueAttributesInput{
		QueueUrl: &q.url, Attributes: map[string]string{"VisibilityTimeout": "60", "DelaySeconds": "901"},
	})
	c.Refused(err, "SetQueueAttributes with one bad value", "InvalidAttributeValue")
	if got := q.attributes()["VisibilityTimeout"]; got != "30" {
		c.Errorf("VisibilityTimeout is %s after the refusal, want 30", got)
	}
}

// encryptionAttributes: a queue has one kind of encryption, and without a KMS key no reuse period of one.
func encryptionAttributes(c *check) {
	const key, period, managed = "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"
	q := c.newQueue()
	for _, step := range []struct{ set, want map[string]string }{
		{map[string]string{key: "alias/one", period: "600", managed: "false"}, map[string]string{key: "alias/one", period: "600", managed: "false"}},
		{map[string]string{key: ""}, map[string]string{managed: "false"}},
		{map[string]string{key: "alias/two", period: "700"}, map[string]string{key: "alias/two", period: "700", managed: "false"}},
		{map[string]string{key: "", managed: "true"}, map[string]string{managed: "true"}},
	} {
		_, err := c.api.SetQueueAttributes(c.Ctx, &sqs.SetQueueAttributesInput{QueueUrl: &q.url, Attributes: step.set})
		c.OK(err, "SetQueueAttributes")
		got := q.attributes()
		for _, name := range []string{key, period, managed} {
			value, set := got[name]
			if want, wanted := step.want[name]; value != want || set != wanted {
				c.Errorf("after %v: %s is %q (%t), want %q (%t)", step.set, name, value, set, want, wanted)
			}
		}
	}
}

func approximateCounts(c *check) {
	q := c.newQueue()
	q.send("one")
	q.send("two")
	q.send("three")
	q.send("later", func(in *sqs.SendMessageInput) { in.DelaySeconds = 900 })
	one := func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = 1; in.WaitTimeSeconds = 2 }
	received := q.receive(one)
	if len(received) != 1 {
		c.Fatalf("received %d messages, want 1", len(received))
	}
	wantCounts := func(when, visible, notVisible, delayed string) {
		c.Helper()
		var got map[string]string
		c.Eventually(fmt.Sprintf("%s %s waiting, %s in flight, %s delayed", when, visible, notVisible, delayed), func() bool {
			got = q.attributes()
			return got["ApproximateNumberOfMessages"] == visible &&
				got["ApproximateNumberOfMessagesNotVisible"] == notVisible &&
				got["ApproximateNumberOfMessagesDelayed"] == delayed
		})
	}
	wantCounts("after one receive:", "2", "1", "1")
	q.delete(received[0])
	wantCounts("after its delete:", "2", "0", "1")
}
