package emulator

import (
	"context"
	"maps"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// checkTags holds tags to SQS's limits: at most 50 a queue, keys of 1 to 128 characters, values of up to 256.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return faultInvalidParameter("Too many tags added for queue. The limit is %d.", maxTags)
	}
	for key, value := range tags {
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return faultInvalidParameter("Tag keys and values must be text in UTF-8.")
		}
		if n := len([]rune(key)); n < 1 || n > 128 {
			return faultInvalidParameter("Tag keys must be between 1 and 128 characters in length.")
		}
		if len([]rune(value)) > 256 {
			return faultInvalidParameter("Tag values must be between 0 and 256 characters in length.")
		}
	}
	return nil
}

func (s *SQS) tagQueue(_ context.Context, in *sqs.TagQueueInput) (*sqs.TagQueueOutput, error) {
	err := s.e.update(func(t *tx) error {
		q, err := s.find(in.QueueUrl)
		if err != nil {
			return err
		}
		if len(in.Tags) == 0 {
			return faultMissing("Tags")
		}
		tags := maps.Clone(q.tags)
		maps.Copy(tags, in.Tags)
		if err := checkTags(tags); err != nil {
			return err
		}
		t.changeQueue(q, func() { q.tags = tags })
		return nil
	})
	return &sqs.TagQueueOutput{}, err
}

func (s *SQS) untagQueue(_ context.Context, in *sqs.UntagQueueInput) (*sqs.UntagQueueOutput, error) {
	err := s.e.update(func(t *tx) error {
		q, err := s.find(in.QueueUrl)
		if err != nil {
			return err
		}
		if len(in.TagKeys) == 0 {
			return faultMissing("TagKeys")
		}
		tags := maps.Clone(q.tags)
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
		t.changeQueue(q, func() { q.tags = tags })
		return nil
	})
	return &sqs.UntagQueueOutput{}, err
}

func (s *SQS) listQueueTags(_ context.Context, in *sqs.ListQueueTagsInput) (*sqs.ListQueueTagsOutput, error) {
	out := &sqs.ListQueueTagsOutput{}
	err := s.e.view(func() error {
		q, err := s.find(in.QueueUrl)
		if err != nil {
			return err
		}
		if len(q.tags) > 0 {
			out.Tags = maps.Clone(q.tags)
		}
		return nil
	})
	return out, err
}
