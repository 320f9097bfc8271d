package emulator

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

func (s *SQS) createQueue(_ context.Context, in *sqs.CreateQueueInput) (*sqs.CreateQueueOutput, error) {
	name := aws.ToString(in.QueueName)
	if err := checkNewQueue(name, in.Attributes); err != nil {
		return nil, err
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, err
	}
	if !isRegion(s.region) {
		return nil, faultInvalidParameter("The region %q is none.", s.region)
	}
	at := inRegion{s.region, name}
	err := s.e.update(func(t *tx) error {
		if q := s.e.queues[at]; q != nil {
			return q.sameAs(in.Attributes)
		}
		if s.e.isReserved(at) {
			return faultDeletedRecently()
		}
		set, err := s.e.withAttributes(at, defaultAttributes(), in.Attributes)
		if err != nil {
			return err
		}
		q := s.e.newQueue(s.e.newID(), at, nowMilli())
		q.settings = set
		maps.Copy(q.tags, in.Tags)
		s.e.queues[at] = q
		t.log(record{kind: recPutQueue, queue: q.id, data: q.row()}, func() {
			delete(s.e.queues, at)
			q.deleted = true
			q.wakeAll()
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sqs.CreateQueueOutput{QueueUrl: aws.String(s.url(name))}, nil
}

func checkNewQueue(name string, attrs map[string]string) error {
	switch {
	case name == "":
		return faultMissing("QueueName")
	case strings.HasSuffix(name, ".fifo"), attrs["FifoQueue"] == "true":
		return faultFIFO()
	case !isName(name):
		return faultInvalidParameter("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	for _, attr := range slices.Sorted(maps.Keys(attrs)) {
		if err := checkAttribute(attr, attrs[attr]); err != nil {
			return err
		}
	}
	return nil
}

// sameAs says whether creating the queue once more, with these attributes, changes nothing.
func (q *queue) sameAs(want map[string]string) error {
	if name := firstDifference(q.settings.attrs, want); name != "" {
		return faultQueueNameExists(name)
	}
	return nil
}

func (s *SQS) getQueueURL(_ context.Context, in *sqs.GetQueueUrlInput) (*sqs.GetQueueUrlOutput, error) {
	name := aws.ToString(in.QueueName)
	if name == "" {
		return nil, faultMissing("QueueName")
	}
	err := s.e.view(func() error {
		owner := aws.ToString(in.QueueOwnerAWSAccountId)
		if s.e.queues[inRegion{s.region, name}] == nil || owner != "" && owner != s.e.cfg.AccountID {
			return faultQueueDoesNotExist()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &sqs.GetQueueUrlOutput{QueueUrl: aws.String(s.url(name))}, nil
}

func (s *SQS) listQueues(_ context.Context, in *sqs.ListQueuesInput) (*sqs.ListQueuesOutput, error) {
	var names []string
	err := s.e.view(func() error {
		for at := range s.e.queues {
			if at.region == s.region && strings.HasPrefix(at.name, aws.ToString(in.QueueNamePrefix)) {
				names = append(names, at.name)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(names, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sqs.ListQueuesOutput{QueueUrls: s.urls(page), NextToken: next}, nil
}

func (s *SQS) urls(names []string) []string {
	var urls []string
	for _, name := range names {
		urls = append(urls, s.url(name))
	}
	return urls
}

// paginate gives one page of names, sorted. Without MaxResults it is the first 1,000 and no token, as the API
// reference of ListQueues has it.
func paginate(names []string, limit *int32, token *string) ([]string, *string, error) {
	if err := checkRange(limit, "MaxResults", 1, 1000); err != nil {
		return nil, nil, err
	}
	slices.Sort(names)
	if aws.ToString(token) != "" {
		after, err := base64.URLEncoding.DecodeString(*token)
		if err != nil {
			return nil, nil, faultInvalidParameter("Invalid or expired next token.")
		}
		i, found := slices.BinarySearch(names, string(after))
		if found {
			i++
		}
		names = names[i:]
	}
	size := 1000
	if limit != nil {
		size = int(*limit)
	}
	if len(names) <= size {
		return names, nil, nil
	}
	page := names[:size]
	if limit == nil {
		return page, nil, nil
	}
	return page, aws.String(base64.URLEncoding.EncodeToString([]byte(page[size-1]))), nil
}

func (s *SQS) deleteQueue(_ context.Context, in *sqs.DeleteQueueInput) (*sqs.DeleteQueueOutput, error) {
	err := s.e.update(func(t *tx) error {
		q, err := s.find(in.QueueUrl)
		if err != nil {
			return err
		}
		delete(s.e.queues, q.inRegion)
		q.deleted = true
		q.wakeAll()
		s.e.reserve(q.inRegion)
		t.log(record{kind: recDeleteQueue, queue: q.id}, func() {
			q.deleted = false
			s.e.queues[q.inRegion] = q
			delete(s.e.deleted, q.inRegion)
		})
		return nil
	})
	return &sqs.DeleteQueueOutput{}, err
}

// nameRest is how long the name of a deleted queue can't be used, where names are reserved.
const nameRest = 60_000 // ms

// reserve keeps the name of a queue that is being deleted, and forgets those that are free again; e.mu is held.
func (e *Emulator) reserve(at inRegion) {
	if !e.cfg.ReserveNames {
		return
	}
	now := nowMilli()
	maps.DeleteFunc(e.deleted, func(_ inRegion, deleted int64) bool { return deleted+nameRest <= now })
	e.deleted[at] = now
}

// isReserved says whether a queue of this name was deleted too recently; e.mu is held.
func (e *Emulator) isReserved(at inRegion) bool {
	deleted, ok := e.deleted[at]
	return ok && nowMilli() < deleted+nameRest
}

func (s *SQS) purgeQueue(_ context.Context, in *sqs.PurgeQueueInput) (*sqs.PurgeQueueOutput, error) {
	err := s.e.update(func(t *tx) error {
		q, err := s.find(in.QueueUrl)
		if err != nil {
			return err
		}
		now, before := nowMilli(), q.purgedAt
		if now < before+60_000 {
			return faultPurge(q.name)
		}
		q.purgedAt = now
		old := q.swap(emptyContents())
		t.log(record{kind: recPurge, queue: q.id}, func() {
			q.swap(old)
			q.purgedAt = before
			q.wakeOne()
		})
		return nil
	})
	return &sqs.PurgeQueueOutput{}, err
}

func (s *SQS) getQueueAttributes(
	_ context.Context, in *sqs.GetQueueAttributesInput,
) (*sqs.GetQueueAttributesOutput, error) {
	out := &sqs.GetQueueAttributesOutput{}
	err := s.e.view(func() error {
		q, err := s.find(in.QueueUrl)
		if err != nil {
			return err
		}
		all := s.e.attributes(q, nowMilli())
		for _, name := range in.AttributeNames {
			switch value, ok := all[string(name)]; {
			case name == "All":
				out.Attributes = all
				return nil
			case ok:
				if out.Attributes == nil {
					out.Attributes = map[string]string{}
				}
				out.Attributes[string(name)] = value
			case !knownAttribute(string(name)):
				return faultAttributeName(string(name))
			}
		}
		return nil
	})
	return out, err
}

func knownAttribute(name string) bool {
	_, _, _, ok := numeric(name)
	return ok || computed(name) || fifoOnly(name) || slices.Contains(
		[]string{"Policy", "RedrivePolicy", "RedriveAllowPolicy", "KmsMasterKeyId", "SqsManagedSseEnabled"}, name)
}

// attributes are all of a queue's attributes, in a map of the caller's own; e.mu is held.
func (e *Emulator) attributes(q *queue, now int64) map[string]string {
	q.advance(now)
	visible, inFlight, delayed := q.counts(now)
	all := maps.Clone(q.settings.attrs)
	if all["KmsMasterKeyId"] != "" && all["KmsDataKeyReusePeriodSeconds"] == "" {
		all["KmsDataKeyReusePeriodSeconds"] = "300"
	}
	all["QueueArn"] = q.arn
	all["CreatedTimestamp"] = strconv.FormatInt(q.created/1000, 10)
	all["LastModifiedTimestamp"] = strconv.FormatInt(q.modified/1000, 10)
	all["ApproximateNumberOfMessages"] = strconv.Itoa(visible)
	all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(inFlight)
	all["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(delayed)
	return all
}

func (s *SQS) setQueueAttributes(
	_ context.Context, in *sqs.SetQueueAttributesInput,
) (*sqs.SetQueueAttributesOutput, error) {
	err := s.e.update(func(t *tx) error {
		q, err := s.find(in.QueueUrl)
		if err != nil {
			return err
		}
		if len(in.Attributes) == 0 {
			return faultMissing("Attributes")
		}
		return s.e.setAttributes(t, q, in.Attributes)
	})
	return &sqs.SetQueueAttributesOutput{}, err
}

func (e *Emulator) setAttributes(t *tx, q *queue, changes map[string]string) error {
	set, err := e.withAttributes(q.inRegion, q.settings.attrs, changes)
	if err != nil {
		return err
	}
	t.changeQueue(q, func() {
		q.settings = set
		q.sweepAt = 0 // the retention period may have changed
	})
	return nil
}

// changeQueue changes a queue's definition. change must replace maps, not write into them.
func (t *tx) changeQueue(q *queue, change func()) {
	settings, tags, modified := q.settings, q.tags, q.modified
	change()
	q.modified = nowMilli()
	t.log(record{kind: recPutQueue, queue: q.id, data: q.row()}, func() {
		q.settings, q.tags, q.modified, q.sweepAt = settings, tags, modified, 0
	})
}

func (s *SQS) listDeadLetterSourceQueues(
	_ context.Context, in *sqs.ListDeadLetterSourceQueuesInput,
) (*sqs.ListDeadLetterSourceQueuesOutput, error) {
	var names []string
	err := s.e.view(func() error {
		q, err := s.find(in.QueueUrl)
		if err != nil {
			return err
		}
		names = s.e.sourcesOf(q)
		return nil
	})
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(names, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &sqs.ListDeadLetterSourceQueuesOutput{QueueUrls: s.urls(page), NextToken: next}, nil
}

// sourcesOf names the queues that have q as their dead-letter queue; e.mu is held.
func (e *Emulator) sourcesOf(q *queue) []string {
	var names []string
	for _, source := range e.queues {
		if e.redriveTarget(source) == q {
			names = append(names, source.name)
		}
	}
	return names
}
