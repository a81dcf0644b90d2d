// /v1/models: the models that configured engines serve.

export interface ListedModel {
  name: string;
  maxModelLen: number;
}

export function modelList(models: readonly ListedModel[]): string {
  return JSON.stringify({
    object: 'list',
    data: models.map(({ name, maxModelLen }) => ({
      id: name,
      object: 'model',
      created: 0,
      owned_by: 'baton',
      max_model_len: maxModelLen,
    })),
  });
}

export function modelEntry({ name, maxModelLen }: ListedModel): string {
  return JSON.stringify({
    id: name,
    object: 'model',
    created: 0,
    owned_by: 'baton',
    max_model_len: maxModelLen,
  });
}
