export declare const bundledTexts: Readonly<Record<string, string>>;
