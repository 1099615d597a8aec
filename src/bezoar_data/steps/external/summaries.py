"""A line on each of distilabel's steps, and what an example of its use has to set."""

from __future__ import annotations

from collections.abc import Mapping

SUMMARIES: Mapping[str, str] = {
    "APIGenExecutionChecker": "Calls the functions that answers name, out of a library of yours.",
    "APIGenGenerator": "Has queries and the function calls that answer them made from descriptions of functions.",
    "APIGenSemanticChecker": "Has a model judge whether a query and its function calls fit together.",
    "CLAIR": "Has a student's solution revised with small changes, for a preference pair.",
    "ChatGeneration": "Answers a conversation.",
    "ComplexityScorer": "Has a model rank several instructions by how hard they are.",
    "ConversationTemplate": "Makes a conversation of an instruction and its response.",
    "DBSCAN": "Finds clusters in projections.",
    "DataSampler": "Starts rows that are drawn from rows written in the pipeline file.",
    "DeitaFiltering": "Keeps rows with high scores that are far enough from those already kept.",
    "EmbeddingDedup": "Marks rows whose embeddings are near those of others.",
    "EvolComplexity": "Evolves instructions to harder ones, in the way of Evol-Instruct.",
    "EvolInstruct": "Evolves instructions by prompts drawn at random, in the way of Evol-Instruct.",
    "EvolQuality": "Evolves responses to better ones.",
    "ExpandColumns": "Makes a row of each item of a list.",
    "FaissNearestNeighbour": "Finds each row's nearest neighbours by their embeddings.",
    "FormatChatGenerationDPO": "Makes a preference pair of several answers to a conversation and their ratings.",
    "FormatChatGenerationSFT": "Makes training messages of a conversation and its answer.",
    "FormatPRM": "Makes rows for training a process reward model.",
    "FormatTextGenerationDPO": "Makes a preference pair of several answers to an instruction and their ratings.",
    "FormatTextGenerationSFT": "Makes training messages of an instruction and its answer.",
    "GenerateLongTextMatchingData": "Has pairs of long texts made for training embeddings.",
    "GenerateSentencePair": "Has a sentence made that belongs to another: a paraphrase, a query or an answer.",
    "GenerateShortTextMatchingData": "Has pairs of short texts made for training embeddings.",
    "GenerateTextClassificationData": "Has texts and labels made for training embeddings.",
    "GenerateTextRetrievalData": "Has queries and documents made for training embeddings.",
    "Genstruct": "Has a question and its answer made from a document.",
    "InstructionBacktranslation": "Has a model score how well an answer fits its instruction.",
    "KeepColumns": "Keeps these columns and no others.",
    "LoadDataFromDicts": "Starts rows that are written in the pipeline file.",
    "Magpie": "Lets a chat model write the user's turn, and its own. Needs an openai-completions endpoint.",
    "MathShepherdCompleter": "Tries each step of a solution by completing it several times.",
    "MathShepherdGenerator": "Has solutions to mathematical problems made, step by step.",
    "MergeColumns": "Merges columns into one list.",
    "PairRM": "Ranks answers with the PairRM model.",
    "PrometheusEval": "Has a Prometheus model grade an answer by a rubric, or compare two.",
    "QualityScorer": "Has a model rank several responses by how good they are.",
    "RewardModelScore": "Scores answers with a reward model in this process.",
    "SelfInstruct": "Has instructions made for an application that is described.",
    "StructuredGeneration": "Answers an instruction in the form of a JSON schema.",
    "TextClassification": "Has a model give texts labels.",
    "TextClustering": "Has a model name the clusters of texts.",
    "TextGeneration": "Answers an instruction, or a prompt made of several columns.",
    "TruncateTextColumn": "Cuts texts to a number of characters or tokens.",
    "UMAP": "Projects embeddings onto few dimensions.",
    "URIAL": "Answers an instruction with a base model, by examples in context.",
    "UltraFeedback": "Has a model rate several answers to an instruction, with its reasons.",
}

EXAMPLES: Mapping[str, str] = {
    "APIGenExecutionChecker": "libpath: my_functions.py",
    "GenerateSentencePair": "model: teacher, action: paraphrase, triplet: true",
    "ExpandColumns": "columns: {instructions: instruction}",
    "KeepColumns": "columns: [instruction, generation]",
    "MergeColumns": "columns: [answer_a, answer_b], output_column: generations",
    "DataSampler": 'data: [{instruction: "What is amber?"}], size: 2, samples: 10',
    "LoadDataFromDicts": 'data: [{instruction: "What is amber?"}]',
    "PrometheusEval": "model: judge, mode: absolute, rubric: factual-validity",
    "RewardModelScore": "model: my-organisation/my-reward-model",
    "TruncateTextColumn": "column: instruction, max_length: 2000",
    "UltraFeedback": "model: judge, aspect: overall-rating",
}
"""What stands under `with:`, where it is more than a role and what is required."""

SETTINGS: Mapping[str, str] = {
    "model": "The model: the name of a role in the models file.",
    "num_generations": "How many answers are asked for: each makes a row of its own, unless they are grouped.",
    "group_generations": "Put the answers of a row into lists instead.",
    "use_default_structured_output": "Ask for JSON in the form the task reads, where the endpoint can.",
    "retries": "How often an unusable answer is asked for again.",
    "keep_truncated": "Keep an answer cut by the token limit, flagged as `truncated`, instead of asking again.",
}
"""What settings that many steps have are for."""
