
r3	some:list2	8циµА7ѕ5(Ш™pSњЖ d